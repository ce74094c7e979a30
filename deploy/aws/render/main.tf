# Renders the cloud-init files of a preset without AWS: no provider, no state that matters. See ../render.sh.
terraform {
  required_version = ">= 1.9"
}

variable "cluster" {
  type    = string
  default = "conclave"
}

variable "domain" {
  type    = string
  default = "conclave.internal"
}

variable "nodes" {
  type = map(object({
    priority = optional(number, 0)
    join     = optional(bool, false)
    zone     = optional(number)
  }))
}

variable "proxy_count" {
  type = number
}

variable "client_count" {
  type    = number
  default = 1
}

variable "hosts" {
  description = "Other hosts than NAME.DOMAIN, by name (node-1, api)."
  type        = map(string)
  default     = {}
}

variable "restore" {
  type    = bool
  default = false
}

locals {
  nodes = { for id, node in var.nodes : id => merge(node, { host = lookup(var.hosts, "node-${id}", "node-${id}.${var.domain}") }) }
  programs = toset(concat(
    [for id in keys(var.nodes) : "node-${id}"],
    [for n in range(var.proxy_count) : "proxy-${n + 1}"],
    [for n in range(var.client_count) : "client-${n + 1}"],
  ))
}

module "user_data" {
  source   = "../modules/user_data"
  for_each = local.programs

  cluster           = var.cluster
  program           = each.key
  nodes             = local.nodes
  endpoint          = "${lookup(var.hosts, "api", "api.${var.domain}")}:2379"
  region            = "eu-central-1"
  package           = "s3://example/packages/conclave.deb"
  backups           = "s3://example/backups"
  parameters        = "/${var.cluster}/${each.key}"
  metrics_namespace = "Conclave/${var.cluster}"
  volume_id         = "vol-00000000000000000"
  restore           = var.restore
}

output "files" {
  value = { for program, made in module.user_data : program => made.cloud_config }
}
