variable "bastion_account_id" {
  description = "The account in which aws-access runs. Only its role aws-access-vend can assume the roles."
  type        = string
}

variable "organization_id" {
  description = "The organisation that the bastion account must belong to, o-... Leave it out only if there is none."
  type        = string
  default     = ""
}

variable "external_id" {
  description = "The external id, as in the bastion's SSM parameter /jit-access/external-id (32 to 128 characters). It is in the state and in the trust policy; sensitive keeps it out of the output of Terraform."
  type        = string
  sensitive   = true
}

variable "path" {
  description = "IAM path of the roles and their policies; /aws-access/ or below. Must be the path of the roles in policy.yaml."
  type        = string
  default     = "/aws-access/"
}

# A fourth role is a fourth entry. Names are those of policy.yaml.
#   policies      ARNs of managed policies
#   aws_policies  names of AWS's managed policies
#   secrets       true if the role may read secrets; otherwise the policy that denies it is attached
#   example       make the example policy of roles.yaml and attach it
#   boundary      operator or admin (see roles.yaml), the name of one of AWS's
#                 managed policies, or an ARN. There is no role without one.
variable "roles" {
  description = "The roles that people may ask for, by name"
  type = map(object({
    description  = string
    policies     = optional(list(string), [])
    aws_policies = optional(list(string), [])
    example      = optional(bool, false)
    secrets      = optional(bool, true)
    boundary     = string
  }))
  default = {
    ReadOnly = {
      description  = "Looks at everything but secrets. Entered through aws-access only."
      aws_policies = ["ReadOnlyAccess"]
      secrets      = false
      boundary     = "ReadOnlyAccess"
    }
    Operator = {
      description  = "Restarts, scales and deploys. Entered through aws-access only."
      aws_policies = ["ReadOnlyAccess"]
      example      = true
      secrets      = false
      boundary     = "operator"
    }
    Admin = {
      description  = "Does everything but let people and machines in. Entered through aws-access only."
      aws_policies = ["AdministratorAccess"]
      boundary     = "admin"
    }
  }
}
