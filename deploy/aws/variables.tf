variable "region" {
  description = "AWS region with at least three availability zones."
  type        = string
  default     = "eu-central-1"

  validation {
    condition     = can(regex("^[a-z]{2}(-[a-z]+)+-[0-9]$", var.region))
    error_message = "region must be written like eu-central-1."
  }
}

variable "cluster" {
  description = "Name of the cluster, and of everything made for it."
  type        = string
  default     = "conclave"

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{0,19}$", var.cluster))
    error_message = "cluster must be 1 to 20 of a-z, 0-9 and '-', and begin with a letter."
  }
}

variable "domain" {
  description = "Private DNS zone; node 1 is node-1.DOMAIN, the load balancer api.DOMAIN."
  type        = string
  default     = "conclave.internal"

  validation {
    condition     = can(regex("^[a-z0-9-]+(\\.[a-z0-9-]+)+$", var.domain))
    error_message = "domain must be a DNS name of two labels or more, like conclave.internal."
  }
}

variable "vpc_cidr" {
  description = "Addresses of the VPC; cut into six subnets."
  type        = string
  default     = "10.40.0.0/16"

  validation {
    condition     = can(cidrsubnet(var.vpc_cidr, 4, 15)) && can(regex("/(1[6-9]|2[0-4])$", var.vpc_cidr))
    error_message = "vpc_cidr must be a network between /16 and /24, like 10.40.0.0/16."
  }
}

variable "nat_per_zone" {
  description = "A NAT gateway in each zone instead of one. Serving needs none; setting up, SSM and metrics do."
  type        = bool
  default     = false
}

variable "nodes" {
  description = <<-TEXT
    The nodes by number. A number is never used again. zone is 0 to 2, by default (number - 1) modulo 3; join is for
    a node that is added to a cluster that exists ('conclave member add' or 'member replace').
  TEXT
  type = map(object({
    priority = optional(number, 0)
    join     = optional(bool, false)
    zone     = optional(number)
  }))
  default = { "1" = {}, "2" = {}, "3" = {} }

  validation {
    condition     = alltrue([for id in keys(var.nodes) : can(regex("^[1-9][0-9]*$", id))])
    error_message = "The keys of nodes are their numbers, from 1."
  }

  validation {
    condition     = alltrue([for node in values(var.nodes) : contains([0, 1, 2], coalesce(node.zone, 0))])
    error_message = "The zone of a node must be 0, 1 or 2."
  }

  validation {
    condition     = length(var.nodes) >= 3
    error_message = "A cluster that survives the loss of a node needs three."
  }

  validation {
    condition     = alltrue([for node in values(var.nodes) : node.priority >= 0 && floor(node.priority) == node.priority])
    error_message = "The priority of a node must be a whole number, 0 or more."
  }
}

variable "restore" {
  description = <<-TEXT
    The cluster is made of a backup: a new node does not start before 'sudo conclave-restore NAME' has made its data
    directory, and may read the bucket's backups. Nodes that have data start as ever.
  TEXT
  type        = bool
  default     = false

  validation {
    condition     = !var.restore || alltrue([for node in values(var.nodes) : !node.join])
    error_message = "The nodes of a restored cluster found it: take join = true out of nodes."
  }
}

variable "rescue_nodes" {
  description = "Numbers of nodes that may store a backup of their own directory in the bucket, while the cluster has no majority."
  type        = set(string)
  default     = []

  validation {
    condition     = alltrue([for id in var.rescue_nodes : contains(keys(var.nodes), id)])
    error_message = "rescue_nodes must be numbers of nodes."
  }
}

variable "proxy_count" {
  description = "How many proxies; number N is in zone (N - 1) modulo 3."
  type        = number
  default     = 3

  validation {
    condition     = var.proxy_count >= 1 && var.proxy_count <= 30 && floor(var.proxy_count) == var.proxy_count
    error_message = "proxy_count must be a whole number between 1 and 30."
  }
}

variable "client_count" {
  description = "Whether there is a client instance: operators work from it, and it stores the backups."
  type        = number
  default     = 1

  validation {
    condition     = contains([0, 1], var.client_count)
    error_message = "client_count must be 0 or 1."
  }
}

variable "node_instance_type" {
  description = "Of new nodes: those that exist are replaced one by one, see README.md, 'Replacing an instance'."
  type        = string
  default     = "t3.medium"

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]*\\.[a-z0-9]+$", var.node_instance_type))
    error_message = "node_instance_type must be written like t3.medium; Nitro types only."
  }
}

variable "proxy_instance_type" {
  type    = string
  default = "t3.small"

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]*\\.[a-z0-9]+$", var.proxy_instance_type))
    error_message = "proxy_instance_type must be written like t3.small."
  }
}

variable "client_instance_type" {
  type    = string
  default = "t3.micro"

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]*\\.[a-z0-9]+$", var.client_instance_type))
    error_message = "client_instance_type must be written like t3.micro."
  }
}

variable "volume_gib" {
  description = "Size of a node's data volume. It can grow: 'sudo conclave-volume' on each node then."
  type        = number
  default     = 20

  validation {
    condition     = var.volume_gib >= 4 && var.volume_gib <= 16384
    error_message = "volume_gib must be between 4 and 16384."
  }
}

variable "volume_iops" {
  description = "Operations per second of a data volume; gp3 has 3000 at no extra price."
  type        = number
  default     = 3000

  validation {
    condition     = var.volume_iops >= 3000 && var.volume_iops <= 16000
    error_message = "volume_iops must be between 3000 and 16000."
  }
}

variable "volume_mib_per_s" {
  description = "Throughput of a data volume; gp3 has 125 at no extra price."
  type        = number
  default     = 125

  validation {
    condition     = var.volume_mib_per_s >= 125 && var.volume_mib_per_s <= 1000
    error_message = "volume_mib_per_s must be between 125 and 1000."
  }
}

variable "ami_id" {
  description = "Image with Ubuntu 24.04 or Debian 12 or later, snap, curl and the SSM agent; null takes the newest Ubuntu 24.04."
  type        = string
  default     = null

  validation {
    condition     = can(regex("^ami-[0-9a-f]+$", coalesce(var.ami_id, "ami-0")))
    error_message = "ami_id must be written like ami-0123456789abcdef0."
  }
}

variable "package_key" {
  description = "Key of the .deb in the bucket."
  type        = string
  default     = "packages/conclave.deb"

  validation {
    condition     = can(regex("^packages/[A-Za-z0-9._+~-]+\\.deb$", var.package_key))
    error_message = "package_key must be packages/NAME.deb."
  }
}

variable "client_cidrs" {
  description = "Networks from which clients connect to the load balancer besides the client instance: the VPC's own, peered ones, a VPN's. The load balancer is internal."
  type        = list(string)
  default     = []

  validation {
    condition     = alltrue([for cidr in var.client_cidrs : can(cidrhost(cidr, 0)) && !endswith(cidr, "/0")])
    error_message = "client_cidrs must be networks like 192.0.2.0/24, and not everybody."
  }
}

variable "zone_vpcs" {
  description = "Further VPCs (ids, of this region and account) in which the private DNS zone is known. Peering and routes are made elsewhere."
  type        = set(string)
  default     = []

  validation {
    condition     = alltrue([for id in var.zone_vpcs : can(regex("^vpc-[0-9a-f]+$", id))])
    error_message = "zone_vpcs must be written like vpc-0123456789abcdef0."
  }
}

variable "replica_region" {
  description = "Another region to which the bucket is replicated, package and backups; null for none."
  type        = string
  default     = null

  validation {
    condition     = can(regex("^[a-z]{2}(-[a-z]+)+-[0-9]$", coalesce(var.replica_region, "eu-west-1"))) && var.replica_region != var.region
    error_message = "replica_region must be written like eu-west-1, and be another than region."
  }
}

variable "backup_days" {
  description = "After how many days a backup is deleted."
  type        = number
  default     = 30

  validation {
    condition     = var.backup_days >= 1 && var.backup_days <= 3650
    error_message = "backup_days must be between 1 and 3650."
  }
}

variable "alarm_email" {
  description = "Who is told of alarms; null for nobody, the topic exists in any case."
  type        = string
  default     = null

  validation {
    condition     = can(regex("^[^@ ]+@[^@ ]+$", coalesce(var.alarm_email, "a@b")))
    error_message = "alarm_email must be a mail address."
  }
}

variable "node_extra_toml" {
  description = "Further lines of every node's TOML file, like heartbeat-ms = 50."
  type        = string
  default     = ""
}

variable "proxy_extra_toml" {
  description = "Further lines of every proxy's TOML file."
  type        = string
  default     = ""
}
