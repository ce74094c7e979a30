variable "region" {
  description = "AWS region."
  type        = string
  default     = "eu-central-1"

  validation {
    condition     = can(regex("^[a-z]{2}(-[a-z]+)+-[0-9]$", var.region))
    error_message = "region must be written like eu-central-1."
  }
}

variable "name" {
  description = "Name of everything made for campaigns."
  type        = string
  default     = "conclave-campaign"

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{0,29}$", var.name))
    error_message = "name must be 1 to 30 of a-z, 0-9 and '-', and begin with a letter."
  }
}

variable "subnet_ids" {
  description = "Subnets that the machines run in. They need a way out, to the registry of the image and to S3."
  type        = list(string)

  validation {
    condition     = length(var.subnet_ids) > 0
    error_message = "subnet_ids must name a subnet at least; more of them, in several zones, find Spot capacity sooner."
  }
}

variable "vpc_id" {
  description = "The VPC of the subnets."
  type        = string
}

variable "image" {
  description = "Where the image of ../Dockerfile was pushed, with its tag."
  type        = string
}

variable "vcpus_max" {
  description = "As many cores at most, of all machines together: what a campaign may cost an hour."
  type        = number
  default     = 64

  validation {
    condition     = var.vcpus_max >= 2 && var.vcpus_max == floor(var.vcpus_max)
    error_message = "vcpus_max must be a whole number, 2 or more."
  }
}

variable "vcpus_per_shard" {
  description = "Cores of a shard; it runs as many simulations at a time."
  type        = number
  default     = 2

  validation {
    condition     = contains([1, 2, 4, 8, 16], var.vcpus_per_shard)
    error_message = "vcpus_per_shard must be 1, 2, 4, 8 or 16."
  }
}

variable "memory_mib_per_vcpu" {
  description = "Memory for each core."
  type        = number
  default     = 1800
}

variable "instance_types" {
  description = "What Spot may choose from. Of one architecture, that of the image."
  type        = list(string)
  default     = ["c7i", "c6i", "c6a", "c5"]
}

variable "hours_max" {
  description = "A shard is ended after so long, however long it was asked to run."
  type        = number
  default     = 12
}

variable "results_days" {
  description = "Results are removed after so many days."
  type        = number
  default     = 90
}
