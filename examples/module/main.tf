# Two clusters from one module, for Terraform and OpenTofu alike.
#
#   export TF_VAR_passwords='{"cache":{"app":"..."},"sessions":{"app":"...","audit":"..."}}'
#   terraform init     # or tofu init
#   terraform apply
#
# The server program is taken from the search path (Debian, Ubuntu: apt-get install redis-server).

terraform {
  required_version = ">= 1.11" # Terraform or OpenTofu: for ephemeral variables and write-only arguments

  required_providers {
    justmanage = {
      source = "justmanage/justmanage"
    }
  }
}

provider "justmanage" {}

variable "passwords" {
  description = "Passwords, by cluster and user. They never enter the state."
  type        = map(map(string))
  sensitive   = true
  ephemeral   = true
}

locals {
  clusters = {
    cache = {
      config = { "maxmemory-policy" = "allkeys-lru" }
      users = {
        app = { acl = "~* +@all -@dangerous" }
      }
    }
    sessions = {
      replicas_per_shard = 2
      users = {
        app   = { acl = "~session:* +@read +@write" }
        audit = { acl = "~session:* +@read" }
      }
    }
  }
}

module "redis" {
  source   = "./modules/redis"
  for_each = local.clusters

  name                = each.key
  replicas_per_shard  = try(each.value.replicas_per_shard, 0)
  memory              = "64MiB"
  config              = try(each.value.config, {})
  users               = each.value.users
  passwords           = var.passwords[each.key]
  deletion_protection = false # leave it out where the data matter
}

output "endpoints" {
  description = "Where clients reach each cluster, over TLS."
  value       = { for name, redis in module.redis : name => redis.endpoints }
}

output "ca_certificates" {
  description = "What clients of each cluster trust."
  value       = { for name, redis in module.redis : name => redis.ca_certificate }
}

output "known_vulnerabilities" {
  description = "Known holes of what runs."
  value       = { for name, redis in module.redis : name => redis.known_vulnerabilities }
}
