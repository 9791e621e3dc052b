# The roles that people may ask for in this account, and the revoker, the same as in
# ../roles.yaml. The module ./documents computes their parts, and a test compares those with
# roles.yaml, which also has the reasons.

data "aws_caller_identity" "here" {}

data "aws_partition" "here" {}

module "documents" {
  source = "./documents"

  partition          = data.aws_partition.here.partition
  account_id         = data.aws_caller_identity.here.account_id
  bastion_account_id = var.bastion_account_id
  organization_id    = var.organization_id
  external_id        = var.external_id
  path               = var.path
  roles              = var.roles
}

resource "aws_iam_policy" "made" {
  for_each = module.documents.policies

  name        = each.key
  path        = each.value.path
  description = each.value.description
  policy      = each.value.document
  tags        = { ManagedBy = "aws-access" }
}

# There is no inline_policy, managed_policy_arns or aws_iam_role_policies_exclusive: each
# would remove, at the next apply, the deny that ends a session early.
resource "aws_iam_role" "target" {
  for_each = module.documents.roles

  name                 = each.key
  path                 = each.value.path
  description          = each.value.description
  assume_role_policy   = module.documents.trusts[each.value.trust]
  max_session_duration = 3600
  permissions_boundary = each.value.boundary
  tags                 = { ManagedBy = "aws-access" }

  # The ARNs are strings, so Terraform does not know that the boundary must exist first.
  depends_on = [aws_iam_policy.made]
}

resource "aws_iam_role_policy_attachment" "managed" {
  for_each = module.documents.attachments

  role       = aws_iam_role.target[each.value.role].name
  policy_arn = each.value.policy

  depends_on = [aws_iam_policy.made]
}
