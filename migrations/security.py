"""Row-level security as migrations apply it: the two roles, and who may do what on which table."""

from __future__ import annotations

from alembic import op

APP_ROLE = "payhub_app"
SYSTEM_ROLE = "payhub_system"
CURRENT_TENANT = "nullif(current_setting('payhub.tenant_id', true), '')::bigint"

# Roles belong to the cluster, not to the database: several databases (and parallel test workers) share them. So: made once,
# races ignored, never dropped on downgrade. From PostgreSQL 16 a creator is not a member by itself and must ask for SET.
_MAKE_ROLE = """
DO $$
BEGIN
    IF NOT EXISTS (SELECT 1 FROM pg_roles WHERE rolname = '{role}') THEN
        BEGIN
            CREATE ROLE {role} NOLOGIN NOINHERIT NOBYPASSRLS;
        EXCEPTION WHEN duplicate_object OR unique_violation THEN
            NULL;
        END;
    END IF;
    IF NOT (SELECT rolsuper FROM pg_roles WHERE rolname = current_user) THEN
        IF current_setting('server_version_num')::int >= 160000 THEN
            IF NOT pg_has_role(current_user, '{role}', 'SET') THEN
                EXECUTE 'GRANT {role} TO CURRENT_USER WITH SET TRUE, INHERIT FALSE';
            END IF;
        ELSIF NOT pg_has_role(current_user, '{role}', 'MEMBER') THEN
            EXECUTE 'GRANT {role} TO CURRENT_USER';
        END IF;
    END IF;
END
$$
"""


def make_roles() -> None:
    for role in (APP_ROLE, SYSTEM_ROLE):
        op.execute(_MAKE_ROLE.format(role=role))


def protect(
    table: str,
    *,
    tenant: str | None = "tenant_id",
    app: str = "SELECT, INSERT, UPDATE, DELETE",
    system: str = "SELECT, INSERT, UPDATE, DELETE",
    visible: str | None = None,
) -> None:
    """Force row-level security on `table`. `tenant` names the tenant column, None for a table of the system alone; `visible`
    replaces the condition under which a tenant sees a row. `app` and `system` are the granted privileges."""
    op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
    op.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")
    op.execute(f"REVOKE ALL ON {table} FROM PUBLIC")
    # Not just TO the role: before PostgreSQL 16 the login inherits its roles, and so would read through this policy.
    acting = f"current_user = '{SYSTEM_ROLE}'"
    op.execute(f"CREATE POLICY system_all ON {table} FOR ALL TO {SYSTEM_ROLE} USING ({acting}) WITH CHECK ({acting})")
    op.execute(f"GRANT {system} ON {table} TO {SYSTEM_ROLE}")
    condition = visible or (f"{tenant} = {CURRENT_TENANT}" if tenant else None)
    if condition and app:
        op.execute(f"CREATE POLICY own_tenant ON {table} FOR ALL TO {APP_ROLE} USING ({condition}) WITH CHECK ({condition})")
        op.execute(f"GRANT {app} ON {table} TO {APP_ROLE}")
