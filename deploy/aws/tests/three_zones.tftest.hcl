# Run with -var-file=presets/three-zones.tfvars.
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

run "three_zones" {
  command = plan

  assert {
    condition     = toset(keys(aws_instance.this)) == toset(["node-1", "node-2", "node-3", "proxy-1", "proxy-2", "proxy-3", "client-1"])
    error_message = "three nodes, three proxies, a client"
  }

  assert {
    condition     = length(toset([for id in ["1", "2", "3"] : aws_ebs_volume.node[id].availability_zone])) == 3 && local.zone["proxy-1"] != local.zone["proxy-2"] && local.zone["proxy-2"] != local.zone["proxy-3"]
    error_message = "a node and a proxy in each zone"
  }
}
