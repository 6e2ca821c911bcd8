resource "justmanage_redis_cluster" "cache" {
  name    = "cache"
  engine  = "redis"
  version = "7.2"
  memory  = "256MiB"
  local   = {}
}

# A user for as long as Terraform runs, and ten minutes at most without it. It is in no plan and no state.
ephemeral "justmanage_redis_credentials" "seed" {
  cluster_id = justmanage_redis_cluster.cache.id
  acl        = "~app:* +set"
  ttl        = "10m"
}

resource "terraform_data" "seed" {
  triggers_replace = [justmanage_redis_cluster.cache.id]

  provisioner "local-exec" {
    command = <<-EOT
      printf '%s' "$CA" > ca.pem
      redis-cli --tls --cacert ca.pem -c -h "$HOST" -p "$PORT" --user "$NAME" set app:ready yes
    EOT

    environment = {
      CA            = justmanage_redis_cluster.cache.ca_certificate
      HOST          = ephemeral.justmanage_redis_credentials.seed.host
      PORT          = ephemeral.justmanage_redis_credentials.seed.port
      NAME          = ephemeral.justmanage_redis_credentials.seed.username
      REDISCLI_AUTH = ephemeral.justmanage_redis_credentials.seed.password
    }
  }
}
