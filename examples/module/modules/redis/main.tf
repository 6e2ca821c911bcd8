resource "justmanage_redis_cluster" "this" {
  name                = var.name
  engine              = var.engine
  version             = var.engine_version
  shards              = var.shards
  replicas_per_shard  = var.replicas_per_shard
  memory              = var.memory
  config              = var.config
  deletion_protection = var.deletion_protection
  local               = {}
}

resource "justmanage_redis_user" "this" {
  for_each = var.users

  cluster_id          = justmanage_redis_cluster.this.id
  name                = each.key
  acl                 = each.value.acl
  password_wo         = var.passwords[each.key]
  password_wo_version = each.value.password_version
}
