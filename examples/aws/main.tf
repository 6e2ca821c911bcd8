# One shard with two replicas on three instances of AWS EC2, in three zones where the subnets reach.
#
#   openssl genpkey -algorithm ed25519 -out operator.key     # once; keep it: it is what gives access to the cluster
#   export TF_VAR_operator_key="$(cat operator.key)"
#   export TF_VAR_app_password="$(openssl rand -base64 24)"
#   terraform apply -var-file=aws.tfvars
#
# AWS is asked as by every tool for it: AWS_PROFILE, AWS_ACCESS_KEY_ID, single sign-on, the role of the machine. What has to be granted is in
# policy.json. The computer that applies has to reach private addresses of the subnets (a VPN, or a machine in the VPC), and the subnets
# need a way to what machines fetch.

terraform {
  required_version = ">= 1.11" # for the write-only argument password_wo

  required_providers {
    justmanage = {
      source = "justmanage/justmanage"
    }
  }
}

variable "region" {
  type    = string
  default = "eu-central-1"
}

variable "subnets" {
  description = "Ids of subnets of one VPC, one for each zone that nodes may be in. Null: those of the default VPC."
  type        = set(string)
  default     = null
}

variable "operator_cidrs" {
  description = "Networks from which agents are reached: the computer that applies is in one of them."
  type        = set(string)
}

variable "client_cidrs" {
  description = "Networks from which clients get in."
  type        = set(string)
}

variable "server" {
  description = "The database's program: an archive (.tar.gz) or the program itself."
  type = object({
    url     = string
    sha256  = string
    engine  = string
    version = string
  })
}

variable "agent_urls" {
  description = "Where machines fetch their agent. Empty: from the provider's release."
  type        = list(string)
  default     = []
}

variable "operator_key" {
  description = "The operator key: a private key, or the path of one."
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
  artifacts    = [var.server]
  agents       = [for url in var.agent_urls : { url = url }]
}

resource "justmanage_redis_cluster" "cache" {
  name                = "cache"
  engine              = var.server.engine
  version             = var.server.version
  shards              = 1
  replicas_per_shard  = 2
  memory              = "64MiB" # maxmemory of each node
  deletion_protection = false   # leave it out where the data matter

  aws = {
    region         = var.region
    subnets        = var.subnets
    instance_types = ["m7i.large", "m6i.large"] # the first that there is room for
    disk           = "10GiB"                    # gp3, encrypted, for the data alone
    operator_cidrs = var.operator_cidrs
    allowed_cidrs  = var.client_cidrs
    tags           = { team = "storage" }
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
