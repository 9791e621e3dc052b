output "role_arns" {
  description = "The roles that people may ask for, by name"
  value       = { for name, role in aws_iam_role.target : name => role.arn if name != "aws-access-revoker" }
}
