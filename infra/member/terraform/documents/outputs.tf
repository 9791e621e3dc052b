# The documents have no white space, because a trust policy has a limit of 2,048 characters.

output "trusts" {
  description = "The trust policies by kind of role: one for all roles that people ask for, one for the revoker. They contain the external id"
  value       = { for kind, document in local.trusts : kind => jsonencode(jsondecode(document)) }
  sensitive   = true
}

output "roles" {
  description = "By name: path, description, kind of trust, boundary and policies, both as ARNs"
  value       = local.roles

  # The bastion is never a target.
  precondition {
    condition     = var.account_id != var.bastion_account_id
    error_message = "The bastion account is never a target: use the credentials of a member account."
  }
}

output "policies" {
  description = "The managed policies to make, by name: path, description, document"
  value       = { for name, p in merge(local.boundaries, local.examples, local.no_secrets, local.denies) : name => merge(p, { document = jsonencode(jsondecode(p.document)) }) }
}

output "attachments" {
  description = "What is attached to which role"
  value       = merge([for name, role in local.roles : { for arn in role.policies : "${name} ${arn}" => { role = name, policy = arn } }]...)
}
