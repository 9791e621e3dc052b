# The patterns are those of ../../roles.yaml. A value that matches cannot end a string in
# the JSON documents, and IAM cannot read it as a wildcard or a variable.

variable "partition" {
  description = "aws, aws-cn, aws-us-gov, aws-eusc"
  type        = string
  validation {
    condition     = can(regex("^aws[a-z-]*$", var.partition))
    error_message = "Must be the name of a partition, such as aws."
  }
}

variable "account_id" {
  description = "The member account with the roles"
  type        = string
  validation {
    condition     = can(regex("^[0-9]{12}$", var.account_id))
    error_message = "Must be the 12 digits of an account id."
  }
}

variable "bastion_account_id" {
  description = "The account in which aws-access runs"
  type        = string
  validation {
    condition     = can(regex("^[0-9]{12}$", var.bastion_account_id))
    error_message = "Must be the 12 digits of an account id."
  }
}

variable "organization_id" {
  description = "The organisation that the bastion must belong to; empty if there is none"
  type        = string
  validation {
    condition     = can(regex("^(o-[a-z0-9]{10,32})?$", var.organization_id))
    error_message = "Must look like o-a1b2c3d4e5, or be empty."
  }
}

variable "external_id" {
  description = "The external id, as in the bastion's SSM parameter /jit-access/external-id"
  type        = string
  validation {
    condition     = can(regex("^[A-Za-z0-9_+=,.@:/-]{32,128}$", var.external_id))
    error_message = "Must be 32 to 128 letters, digits or one of _+=,.@:/-"
  }
}

variable "path" {
  description = "IAM path of the roles and their policies: /aws-access/ or below"
  type        = string
  validation {
    condition     = can(regex("^/aws-access/([A-Za-z0-9_+=,.@-]+/)*$", var.path)) && length(var.path) <= 128
    error_message = "Must be /aws-access/, or begin and end so, as /aws-access/data/"
  }
}

variable "roles" {
  description = "See ../variables.tf"
  type = map(object({
    description  = string
    policies     = list(string)
    aws_policies = list(string)
    example      = bool
    secrets      = bool
    boundary     = string
  }))
  validation {
    condition     = alltrue([for name, _ in var.roles : can(regex("^[A-Za-z0-9_+=,.@-]{1,64}$", name))])
    error_message = "Names of roles must be 1 to 64 letters, digits or one of _+=,.@-"
  }
  validation {
    condition     = !contains([for name, _ in var.roles : lower(name)], "aws-access-revoker")
    error_message = "aws-access-revoker is the name of the role that ends sessions early."
  }
  validation {
    condition     = alltrue([for r in values(var.roles) : can(regex("^[A-Za-z0-9_+=,.@:/-]+$", r.boundary))])
    error_message = "Every role needs a boundary: operator, admin, the name of a managed policy of AWS, or an ARN."
  }
}
