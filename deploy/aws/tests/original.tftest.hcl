# Run with -var-file=presets/original.tfvars.
mock_provider "aws" {
  mock_data "aws_availability_zones" {
    defaults = { names = ["eu-central-1a", "eu-central-1b", "eu-central-1c"] }
  }
}

# Where the copy of the bucket would be.
mock_provider "aws" {
  alias = "replica"
}

variables {
  ami_id = "ami-0123456789abcdef0"
}

run "original" {
  command = plan

  assert {
    condition     = toset(keys(aws_instance.this)) == toset(["node-1", "node-2", "node-3", "proxy-1", "client-1"])
    error_message = "five instances"
  }

  assert {
    condition     = { for id, node in var.nodes : id => node.priority } == { "1" = 0, "2" = 0, "3" = 10 }
    error_message = "two followers and a preferred leader"
  }
}
