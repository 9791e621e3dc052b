package main

import (
	"context"
	"errors"
	"time"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/planmodifier"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/stringplanmodifier"
	"github.com/hashicorp/terraform-plugin-framework/types"
)

// instance is the resource scenarios_instance.
type instance struct{ client client }

// state is an instance in the configuration and in the state.
type state struct {
	ID   types.String `tfsdk:"id"`
	Name types.String `tfsdk:"name"`
	Wait types.String `tfsdk:"wait"`
}

func (*instance) Metadata(_ context.Context, _ resource.MetadataRequest, out *resource.MetadataResponse) {
	out.TypeName = "scenarios_instance"
}

func (*instance) Schema(_ context.Context, _ resource.SchemaRequest, out *resource.SchemaResponse) {
	replaced := []planmodifier.String{stringplanmodifier.RequiresReplace()}
	kept := []planmodifier.String{stringplanmodifier.UseStateForUnknown()}
	out.Schema = schema.Schema{Attributes: map[string]schema.Attribute{
		"id":   schema.StringAttribute{Computed: true, PlanModifiers: kept},
		"name": schema.StringAttribute{Required: true, PlanModifiers: replaced},
		"wait": schema.StringAttribute{Required: true, PlanModifiers: replaced},
	}}
}

func (i *instance) Configure(
	_ context.Context, in resource.ConfigureRequest, _ *resource.ConfigureResponse,
) {
	i.client, _ = in.ProviderData.(client) // zero while Terraform only validates
}

// Create runs an instance, waits, and names it. When the wait is longer than a session, the second call
// is made with keys that this process has renewed.
func (i *instance) Create(ctx context.Context, in resource.CreateRequest, out *resource.CreateResponse) {
	var s state
	out.Diagnostics.Append(in.Plan.Get(ctx, &s)...)
	if out.Diagnostics.HasError() {
		return
	}
	made, err := i.client.call(ctx, "RunInstances", map[string]string{
		"ImageId": "ami-0123456789abcdef0", "InstanceType": "t3.micro", "MinCount": "1", "MaxCount": "1",
	})
	if err == nil && len(made.Run) != 1 {
		err = errors.New("the answer names no instance")
	}
	if problem(&out.Diagnostics, "run the instance", err) {
		return
	}
	s.ID = types.StringValue(made.Run[0])
	out.Diagnostics.Append(out.State.Set(ctx, s)...)
	length, err := time.ParseDuration(s.Wait.ValueString())
	if problem(&out.Diagnostics, "read wait", err) {
		return
	}
	time.Sleep(length)
	_, err = i.client.call(ctx, "CreateTags", map[string]string{
		"ResourceId.1": s.ID.ValueString(), "Tag.1.Key": "Name", "Tag.1.Value": s.Name.ValueString(),
	})
	problem(&out.Diagnostics, "name the instance", err)
}

func (i *instance) Read(ctx context.Context, in resource.ReadRequest, out *resource.ReadResponse) {
	var id types.String
	out.Diagnostics.Append(in.State.GetAttribute(ctx, path.Root("id"), &id)...)
	if out.Diagnostics.HasError() {
		return
	}
	found, err := i.client.call(ctx, "DescribeInstances", map[string]string{"InstanceId.1": id.ValueString()})
	if problem(&out.Diagnostics, "describe the instance", err) {
		return
	}
	if len(found.Existing) == 0 {
		out.State.RemoveResource(ctx)
	}
}

// Update is never called: each change makes another instance.
func (*instance) Update(_ context.Context, _ resource.UpdateRequest, out *resource.UpdateResponse) {
	out.Diagnostics.AddError("update the instance", "an instance cannot be changed")
}

func (i *instance) Delete(ctx context.Context, in resource.DeleteRequest, out *resource.DeleteResponse) {
	var id types.String
	out.Diagnostics.Append(in.State.GetAttribute(ctx, path.Root("id"), &id)...)
	if out.Diagnostics.HasError() {
		return
	}
	_, err := i.client.call(ctx, "TerminateInstances", map[string]string{"InstanceId.1": id.ValueString()})
	problem(&out.Diagnostics, "terminate the instance", err)
}

// problem reports an error to Terraform, and whether there is one.
func problem(to *diag.Diagnostics, act string, err error) bool {
	if err != nil {
		to.AddError(act, err.Error())
	}
	return err != nil
}
