#!/bin/bash
# The hub's login is no superuser: superusers pass row-level security by. It makes the two roles it needs itself.
set -eu
psql --set=ON_ERROR_STOP=1 --set=password="$POSTGRES_PASSWORD" --username="$POSTGRES_USER" <<'SQL'
CREATE ROLE payhub_owner LOGIN NOSUPERUSER NOBYPASSRLS CREATEROLE PASSWORD :'password';
CREATE DATABASE payhub OWNER payhub_owner;
SQL
