variable "name" {
  description = "Name of the cluster."
  type        = string
}

variable "engine" {
  description = "`redis` or `valkey`."
  type        = string
  default     = "redis"
}

variable "engine_version" {
  description = "A line (its newest patch that can be had) or an exact x.y.z."
  type        = string
  default     = "7.0"
}

variable "shards" {
  description = "Number of shards."
  type        = number
  default     = 1
}

variable "replicas_per_shard" {
  description = "Replicas of each primary."
  type        = number
  default     = 0
}

variable "memory" {
  description = "Memory for data on each node."
  type        = string
}

variable "config" {
  description = "Configuration of the servers, by their own names."
  type        = map(string)
  default     = {}
}

variable "users" {
  description = "Who may log in: ACL rules, and a number to raise when the password changes."
  type = map(object({
    acl              = string
    password_version = optional(number, 1)
  }))
  default = {}
}

variable "passwords" {
  description = "Passwords by user. They never enter the state."
  type        = map(string)
  sensitive   = true
  ephemeral   = true
  default     = {}
}

variable "deletion_protection" {
  description = "Refuses to destroy the cluster once it has served."
  type        = bool
  default     = true
}
