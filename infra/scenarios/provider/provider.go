package main

import (
	"context"
	"os"

	awsbase "github.com/hashicorp/aws-sdk-go-base/v2"
	"github.com/hashicorp/terraform-plugin-framework/datasource"
	"github.com/hashicorp/terraform-plugin-framework/provider"
	"github.com/hashicorp/terraform-plugin-framework/provider/schema"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/types"
)

// scenarios is the provider.
type scenarios struct{}

func newProvider() provider.Provider { return scenarios{} }

// settings are the arguments of the provider block.
type settings struct {
	Profile types.String `tfsdk:"profile"`
	Region  types.String `tfsdk:"region"`
}

func (scenarios) Metadata(_ context.Context, _ provider.MetadataRequest, out *provider.MetadataResponse) {
	out.TypeName = "scenarios"
}

func (scenarios) Schema(_ context.Context, _ provider.SchemaRequest, out *provider.SchemaResponse) {
	out.Schema = schema.Schema{Attributes: map[string]schema.Attribute{
		"profile": schema.StringAttribute{Optional: true},
		"region":  schema.StringAttribute{Required: true},
	}}
}

// Configure makes the client of EC2. The endpoint comes from AWS_ENDPOINT_URL.
func (scenarios) Configure(ctx context.Context, in provider.ConfigureRequest, out *provider.ConfigureResponse) {
	var s settings
	out.Diagnostics.Append(in.Config.Get(ctx, &s)...)
	if out.Diagnostics.HasError() {
		return
	}
	_, c, problems := awsbase.GetAwsConfig(ctx, &awsbase.Config{
		Profile: s.Profile.ValueString(), Region: s.Region.ValueString(), CallerName: "scenarios",
		SkipRequestingAccountId: true, SkipCredsValidation: true, MaxRetries: 1,
	})
	for _, p := range problems {
		out.Diagnostics.AddError(p.Summary(), p.Detail())
	}
	out.ResourceData = client{config: c, endpoint: os.Getenv("AWS_ENDPOINT_URL")}
}

func (scenarios) Resources(context.Context) []func() resource.Resource {
	return []func() resource.Resource{func() resource.Resource { return &instance{} }}
}

func (scenarios) DataSources(context.Context) []func() datasource.DataSource { return nil }
