# The roles and policies of one account, without a provider. This module makes nothing, so
# `terraform apply` in a copy of it shows everything, and a test can compare it with
# ../../roles.yaml, which has the reasons. The JSON files in this folder are the policies.
# They contain plain ${names} and no other template syntax.

locals {
  aws  = "arn:${var.partition}:iam::aws:policy/"
  ours = "arn:${var.partition}:iam::${var.account_id}:policy${var.path}"

  # The boundaries that this module makes. A role can have another policy as its boundary.
  own = ["operator", "admin"]

  # Whom the roles trust: target roles the one, the revoker the other.
  trusts = {
    for kind, file in { target = "trust", revoker = "revoker-trust" } :
    kind => templatefile("${path.module}/${file}${var.organization_id == "" ? "" : "-in-organization"}.json", {
      partition          = var.partition
      bastion_account_id = var.bastion_account_id
      organization_id    = var.organization_id
      external_id        = var.external_id
    })
  }

  targets = {
    for name, role in var.roles : name => {
      path        = var.path
      description = role.description
      trust       = "target"
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

  # The role with which the cut function of the bastion ends sessions early.
  revoker     = "aws-access-revoker"
  revoker_arn = "arn:${var.partition}:iam::${var.account_id}:policy/aws-access-revoker/${local.revoker}"

  roles = merge(local.targets, {
    (local.revoker) = {
      path        = "/aws-access-revoker/"
      description = "Denies sessions that were revoked. Entered through the cut function of aws-access only."
      trust       = "revoker"
      boundary    = local.revoker_arn
      policies    = [local.revoker_arn]
    }
  })

  # The revoker writes only to roles with one of these boundaries.
  limits = distinct(concat(
    ["${local.ours}aws-access-boundary-*", "${local.aws}ReadOnlyAccess"],
    [for role in local.targets : role.boundary if !startswith(role.boundary, "${local.ours}aws-access-boundary-")],
  ))

  denies = {
    (local.revoker) = {
      path        = "/aws-access-revoker/"
      description = "Inline policies of the roles of aws-access, which have a boundary"
      document = templatefile("${path.module}/revoker.json", {
        partition  = var.partition
        account_id = var.account_id
        boundaries = jsonencode(local.limits)
      })
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
