"""Takes the AWS CLI version 2 out of the installed package aws-cdk-asset-awscli-v2.

The package holds an npm archive, which holds the zip of a Lambda layer, which holds the program
and its libraries in awscli/v2/VERSION/dist.

    awscli2.py WHEEL INTO
"""

import io
import pathlib
import re
import sys
import tarfile
import zipfile

DIST = re.compile(r"^awscli/v2/[0-9.]+/dist/(.+[^/])$")


def main(wheel, into):
    (archive,) = pathlib.Path(wheel).glob("aws_cdk/asset_awscli_v2/_jsii/*.jsii.tgz")
    with tarfile.open(archive) as tar:
        layer = zipfile.ZipFile(io.BytesIO(tar.extractfile("package/lib/layer.zip").read()))
    found = 0
    for entry in layer.infolist():
        name = DIST.match(entry.filename)
        if not name:
            continue
        file = pathlib.Path(into, name[1])
        if ".." in file.parts:
            sys.exit(f"{entry.filename} leaves the directory")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(layer.read(entry))
        file.chmod((entry.external_attr >> 16) & 0o777 or 0o644)
        found += 1
    if found < 100:
        sys.exit(f"only {found} files found")


if __name__ == "__main__":
    main(*sys.argv[1:])
