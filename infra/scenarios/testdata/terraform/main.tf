# Instances of three kinds of programs, one after the other, for a minute: the AWS CLI, a provider, and
# the AWS CLI again. The state is in a bucket of the same account, which the S3 backend writes.

terraform {
  required_providers {
    scenarios = { source = "aws-access/scenarios" }
  }
  backend "s3" {
    bucket                      = "state"
    region                      = "eu-west-1"
    use_path_style              = true
    use_lockfile                = true
    skip_requesting_account_id  = true
    skip_credentials_validation = true
  }
}

variable "profile" {
  type    = string
  default = null
}

provider "scenarios" {
  profile = var.profile
  region  = "eu-west-1"
}

locals {
  run = "aws ec2 run-instances --image-id ami-0123456789abcdef0 --instance-type t3.micro --query Instances[0].InstanceId --output text"
}

resource "terraform_data" "first" {
  provisioner "local-exec" {
    command = "${local.run} > first && sleep 21"
  }
  provisioner "local-exec" {
    when    = destroy
    command = "aws ec2 terminate-instances --instance-ids $(cat first)"
  }
}

# It runs, waits, and is then named: the second call is made after the end of the session.
resource "scenarios_instance" "second" {
  name       = "second"
  wait       = "25s"
  depends_on = [terraform_data.first]
}

resource "terraform_data" "third" {
  depends_on = [scenarios_instance.second]
  provisioner "local-exec" {
    command = "${local.run} > third && sleep 15"
  }
  provisioner "local-exec" {
    when    = destroy
    command = "aws ec2 terminate-instances --instance-ids $(cat third)"
  }
}
