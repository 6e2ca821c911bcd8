# terraform query -generate-config-out=found.tf
list "justmanage_redis_cluster" "here" {
  provider = justmanage
}
