# Three shards with a replica each on six servers of your own, over SSH: one node on each, spread over zones.
#
#   openssl genpkey -algorithm ed25519 -out operator.key     # once; keep it: it is what gives access to the cluster
#   export TF_VAR_operator_key="$(cat operator.key)"
#   export TF_VAR_ssh_key="$(cat ~/.ssh/id_ed25519)"
#   export TF_VAR_app_password="$(openssl rand -base64 24)"
#   terraform apply -var-file=servers.tfvars
#
# servers.tfvars lists them, with the key that each shows (on the server: ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub):
#
#   servers = [
#     { address = "10.0.0.11", zone = "a", host_keys = ["SHA256:..."] },
#     { address = "10.0.0.12", zone = "b", host_keys = ["SHA256:..."] },
#     ...
#   ]
#
# Each server needs systemd, `sudo` without a password for `user`, and the database's program from its distribution
# (Debian, Ubuntu: apt-get install redis-server; systemctl disable --now redis-server), or `artifacts` in the provider block.

terraform {
  required_version = ">= 1.11" # for the write-only argument password_wo

  required_providers {
    justmanage = {
      source = "justmanage/justmanage"
    }
  }
}

variable "servers" {
  description = "The servers, in the order in which they are taken. Those of one zone stand or fall together."
  type = list(object({
    address   = string
    zone      = optional(string)
    host_keys = list(string)
  }))
}

variable "user" {
  description = "Who logs in: root, or somebody who may use sudo without a password."
  type        = string
  default     = "admin"
}

variable "operator_key" {
  description = "The operator key: a private key, or the path of one."
  type        = string
  sensitive   = true
  ephemeral   = true
}

variable "ssh_key" {
  description = "A private key that logs in to the servers."
  type        = string
  sensitive   = true
  ephemeral   = true
}

variable "app_password" {
  description = "Password of the user `app`. It never enters Terraform's state."
  type        = string
  sensitive   = true
  ephemeral   = true
}

provider "justmanage" {
  operator_key = var.operator_key

  ssh = {
    private_key = var.ssh_key
  }
}

resource "justmanage_server_pool" "rack" {
  user    = var.user
  servers = var.servers
}

resource "justmanage_redis_cluster" "cache" {
  name                = "cache"
  engine              = "redis" # redis | valkey
  version             = "7.0"   # a line (its newest patch that can be had) or an exact x.y.z
  shards              = 3
  replicas_per_shard  = 1
  memory              = "64MiB" # maxmemory of each node
  deletion_protection = false   # leave it out where the data matter

  # What each node's server may use of its machine, and nothing else there can take from it.
  resources = {
    cpu    = "1"      # processors
    memory = "448MiB" # of the process; without it, what `memory` of data can take at worst (here 320MiB)
    io = {            # of the disk that the data are on, in a second
      read_bandwidth  = "500MiB"
      write_bandwidth = "500MiB"
      read_iops       = 50000
      write_iops      = 50000
    }
  }

  servers = {
    pool       = justmanage_server_pool.rack.definition
    processors = 1        # what each server has to have, and may have more of
    memory     = "512MiB" # more than `memory`: a server that saves needs up to twice that
  }
}

resource "justmanage_redis_user" "app" {
  cluster_id          = justmanage_redis_cluster.cache.id
  name                = "app"
  acl                 = "~app:* +@all -@dangerous"
  password_wo         = var.app_password
  password_wo_version = 1
}

# Who is a primary changes with every failover, so it is looked up and not part of the resource.
data "justmanage_redis_cluster" "cache" {
  id = justmanage_redis_cluster.cache.id
}

output "endpoints" {
  description = "Where clients reach the cluster, over TLS. A client may begin with any of them."
  value       = justmanage_redis_cluster.cache.endpoints
}

output "ca_certificate" {
  description = "What clients trust."
  value       = justmanage_redis_cluster.cache.ca_certificate
}

output "nodes" {
  description = "Who is who at this moment."
  value       = { for node in data.justmanage_redis_cluster.cache.nodes : node.endpoint => "${coalesce(node.role, node.state)} of shard ${node.shard}" }
}
