"""The pages people use: server-rendered, working without JavaScript."""

from __future__ import annotations

from flask import Blueprint

from hub.web import sign_in

blueprints: tuple[Blueprint, ...] = (sign_in.blueprint,)
