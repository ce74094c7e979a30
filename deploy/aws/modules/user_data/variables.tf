variable "cluster" {
  description = "Name of the cluster, as in --cluster."
  type        = string
}

variable "program" {
  description = "Which program this instance runs, like node-1, proxy-2 or client-1."
  type        = string

  validation {
    condition     = can(regex("^(node|proxy|client)-[1-9][0-9]*$", var.program))
    error_message = "program must be node-N, proxy-N or client-N."
  }
}

variable "nodes" {
  description = "All nodes by number: where they are reached, and how they start."
  type = map(object({
    host     = string
    priority = optional(number, 0)
    join     = optional(bool, false)
  }))
}

variable "endpoint" {
  description = "HOST:PORT at which clients reach the proxies."
  type        = string
}

variable "region" {
  type = string
}

variable "package" {
  description = "s3:// address of the .deb."
  type        = string
}

variable "backups" {
  description = "s3:// address below which the client stores backups."
  type        = string
}

variable "parameters" {
  description = "Prefix in the parameter store of this instance's certificate and key."
  type        = string
}

variable "metrics_namespace" {
  description = "CloudWatch namespace of what instances report."
  type        = string
}

variable "volume_id" {
  description = "The data volume of a node."
  type        = string
  default     = ""
}

variable "restore" {
  description = "Whether a node waits until its data directory is made of a backup, instead of founding a cluster."
  type        = bool
  default     = false
}

variable "extra_toml" {
  description = "Further settings, appended to the TOML file as they are."
  type        = string
  default     = ""
}
