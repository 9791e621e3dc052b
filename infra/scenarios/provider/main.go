// Command terraform-provider-scenarios is a Terraform provider for the scenarios: it makes instances. It
// finds its credentials by aws-sdk-go-base, as AWS's own provider and the S3 backend do. It is not part
// of the product.
package main

import (
	"context"
	"log"

	"github.com/hashicorp/terraform-plugin-framework/providerserver"
)

func main() {
	err := providerserver.Serve(context.Background(), newProvider, providerserver.ServeOpts{
		Address: "registry.terraform.io/aws-access/scenarios",
	})
	if err != nil {
		log.Fatal(err)
	}
}
