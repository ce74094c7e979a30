output "endpoint" {
  description = "Where clients connect to."
  value       = "api.${var.domain}:2379"
}

output "load_balancer" {
  description = "The load balancer's own name, where the private zone is not known; no certificate has it by itself."
  value       = aws_lb.this.dns_name
}

output "bucket" {
  value = aws_s3_bucket.this.bucket
}

output "replica_bucket" {
  description = "The copy of the bucket in the other region, if there is one."
  value       = one(aws_s3_bucket.replica[*].bucket)
}

output "vpc" {
  description = "For a peering with clients outside of it."
  value       = aws_vpc.this.id
}

output "route_tables" {
  description = "Those of the private subnets, for routes to clients outside of the VPC."
  value       = aws_route_table.private[*].id
}

output "kms_key" {
  value = aws_kms_alias.this.name
}

output "parameters" {
  description = "Prefix of each instance's certificate and key in the parameter store."
  value       = local.parameters
}

output "instances" {
  description = "Instance of each program: aws ssm start-session --target ID."
  value       = { for program in keys(local.programs) : program => aws_instance.this[program].id }
}

output "hosts" {
  value = { for program in keys(local.programs) : program => aws_route53_record.this[program].name }
}

output "volumes" {
  value = { for id in keys(var.nodes) : "node-${id}" => aws_ebs_volume.node[id].id }
}

output "alarms" {
  description = "The topic that alarms are sent to."
  value       = aws_sns_topic.alarms.arn
}
