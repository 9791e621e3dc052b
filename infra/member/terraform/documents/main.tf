# The roles and policies of one account, without a provider. This module makes nothing, so
# `terraform apply` in a copy of it shows everything, and a test can compare it with
# ../../roles.yaml, which has the reasons. The JSON files in this folder are the policies.
# They contain plain ${names} and no other template syntax.

locals {
  aws  = "arn:${var.partition}:iam::aws:policy/"
  ours = "arn:${var.partition}:iam::${var.account_id}:policy${var.path}"

  # The boundaries that this module makes. A role can have another policy as its boundary.
  own = ["operator", "admin"]

  trust = templatefile("${path.module}/${var.organization_id == "" ? "trust" : "trust-in-organization"}.json", {
    partition          = var.partition
    bastion_account_id = var.bastion_account_id
    organization_id    = var.organization_id
    external_id        = var.external_id
  })

  roles = {
    for name, role in var.roles : name => {
      path        = var.path
      description = role.description
      boundary = (
        contains(local.own, role.boundary) ? "${local.ours}aws-access-boundary-${name}" :
        startswith(role.boundary, "arn:") ? role.boundary : "${local.aws}${role.boundary}"
      )
      policies = concat(
        role.policies,
        [for p in role.aws_policies : "${local.aws}${p}"],
        role.example ? ["${local.ours}aws-access-${name}"] : [],
        role.secrets ? [] : ["${local.ours}aws-access-no-secrets"],
      )
    }
  }

  boundaries = {
    for name, role in var.roles : "aws-access-boundary-${name}" => {
      path        = var.path
      description = "The most that ${name} can become"
      document = templatefile("${path.module}/boundary-${role.boundary}.json", {
        partition  = var.partition
        account_id = var.account_id
        path       = var.path
        role       = name
      })
    } if contains(local.own, role.boundary)
  }

  examples = {
    for name, role in var.roles : "aws-access-${name}" => {
      path        = var.path
      description = "What ${name} does beyond looking"
      document    = templatefile("${path.module}/operator.json", {})
    } if role.example
  }

  no_secrets = {
    "aws-access-no-secrets" = {
      path        = var.path
      description = "What those who look are kept from"
      document    = templatefile("${path.module}/no-secrets.json", { partition = var.partition })
    }
  }
}
