# What the module promises; nothing is made, and no network is needed.
mock_provider "aws" {
  mock_data "aws_caller_identity" {
    defaults = { account_id = "123456789012" }
  }
  mock_resource "aws_s3_bucket" {
    defaults = { arn = "arn:aws:s3:::conclave-campaign-123456789012-eu-central-1" }
  }
  mock_resource "aws_iam_role" {
    defaults = { arn = "arn:aws:iam::123456789012:role/conclave" }
  }
  mock_resource "aws_iam_instance_profile" {
    defaults = { arn = "arn:aws:iam::123456789012:instance-profile/conclave" }
  }
  mock_resource "aws_batch_compute_environment" {
    defaults = { arn = "arn:aws:batch:eu-central-1:123456789012:compute-environment/conclave" }
  }
  mock_resource "aws_batch_job_queue" {
    defaults = { arn = "arn:aws:batch:eu-central-1:123456789012:job-queue/conclave" }
  }
}

variables {
  vpc_id     = "vpc-1"
  subnet_ids = ["subnet-1", "subnet-2"]
  image      = "123456789012.dkr.ecr.eu-central-1.amazonaws.com/conclave-sim:0.1.0"
}

run "spot_and_no_more_than_was_allowed" {
  command = apply

  assert {
    condition     = aws_batch_compute_environment.this.compute_resources[0].type == "SPOT"
    error_message = "Machines are Spot instances."
  }
  assert {
    condition     = aws_batch_compute_environment.this.compute_resources[0].min_vcpus == 0 && aws_batch_compute_environment.this.compute_resources[0].max_vcpus == 64
    error_message = "No machine is kept, and no more are taken than was allowed."
  }
  assert {
    condition     = [for step in aws_batch_job_definition.this.retry_strategy[0].evaluate_on_exit : lower(step.action)] == ["retry", "exit"]
    error_message = "Only a machine that was taken away is a reason to begin again."
  }
  assert {
    condition     = jsondecode(aws_batch_job_definition.this.container_properties).command[1] == "s3://conclave-campaign-123456789012-eu-central-1/Ref::name"
    error_message = "Results go to the bucket, under the campaign's name."
  }
  assert {
    condition     = jsondecode(aws_iam_role_policy.shard.policy).Statement[0].Action == ["s3:PutObject"]
    error_message = "A shard stores, and does not read or delete."
  }
}

run "a_campaign_without_a_subnet_is_refused" {
  command = plan
  variables { subnet_ids = [] }
  expect_failures = [var.subnet_ids]
}

run "half_a_core_is_refused" {
  command = plan
  variables { vcpus_per_shard = 3 }
  expect_failures = [var.vcpus_per_shard]
}
