# For 'terraform destroy', and for nothing else: copied beside the other files as teardown_override.tf it takes the protection
# of the volumes away, and lets buckets be deleted with what is in them. See deploy/README.md, 'Taking it down'.
resource "aws_ebs_volume" "node" {
  lifecycle {
    prevent_destroy = false
  }
}

resource "aws_s3_bucket" "this" {
  force_destroy = true
}

resource "aws_s3_bucket" "replica" {
  force_destroy = true
}
