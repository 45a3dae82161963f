"""Real PostgreSQL, Redis and nginx with Debian's exporters in front of them, each on a free loopback port."""

from testbed.exporters.stack import Nginx, Postgres, Redis, Server, available

__all__ = ["Nginx", "Postgres", "Redis", "Server", "available"]
