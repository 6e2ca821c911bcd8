resource "justmanage_redis_cluster" "cache" {
  name    = "cache"
  engine  = "redis"
  version = "7.2"
  memory  = "256MiB"
  local   = {}
}

# A user of its own for what Terraform does here, gone when it is done.
ephemeral "justmanage_redis_credentials" "seed" {
  cluster_id = justmanage_redis_cluster.cache.id
  acl        = "~app:* +@write +ping"
  ttl        = "30m"
}

resource "terraform_data" "seed" {
  triggers_replace = justmanage_redis_cluster.cache.id

  provisioner "local-exec" {
    command = "printf %s \"$CA\" > ca.pem && redis-cli --tls --cacert ca.pem -h \"$HOST\" -p \"$PORT\" --user \"$USERNAME\" SET app:ready yes"
    environment = {
      HOST          = ephemeral.justmanage_redis_credentials.seed.host
      PORT          = ephemeral.justmanage_redis_credentials.seed.port
      USERNAME      = ephemeral.justmanage_redis_credentials.seed.username
      REDISCLI_AUTH = ephemeral.justmanage_redis_credentials.seed.password
      CA            = ephemeral.justmanage_redis_credentials.seed.ca_certificate
    }
  }
}
