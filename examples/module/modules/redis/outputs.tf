output "id" {
  description = "Where the cluster is found."
  value       = justmanage_redis_cluster.this.id
}

output "endpoints" {
  description = "Where clients reach the cluster, over TLS. A client may begin with any of them."
  value       = justmanage_redis_cluster.this.endpoints
}

output "ca_certificate" {
  description = "What clients trust."
  value       = justmanage_redis_cluster.this.ca_certificate
}

output "version_actual" {
  description = "What the servers run."
  value       = justmanage_redis_cluster.this.version_actual
}

output "known_vulnerabilities" {
  description = "Known holes of what runs."
  value       = justmanage_redis_cluster.this.known_vulnerabilities
}
