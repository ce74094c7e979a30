output "queue" {
  description = "The queue that campaigns are submitted to."
  value       = aws_batch_job_queue.this.name
}

output "job" {
  description = "The job that a campaign is."
  value       = aws_batch_job_definition.this.name
}

output "bucket" {
  description = "Where results are."
  value       = aws_s3_bucket.this.bucket
}
