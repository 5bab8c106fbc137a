// Written by `make web` from the document of the API.
import type { Decimal } from '@/lib/decimal'

export interface paths {
    "/api/v1/admin/audit": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get: operations["audit.audit_log.get"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/admin/cache-reset": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        post: operations["admin.reset_cache_by_its_other_name.post"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/admin/cache/clear": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        post: operations["admin.clear_cache.post"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/admin/cache/reset": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        post: operations["admin.reset_cache.post"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/admin/cache/status": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get: operations["admin.cache_status.get"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/admin/cache/warm": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        post: operations["admin.warm_cache.post"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/admin/log-level": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get: operations["admin.log_level.get"];
        put: operations["admin.change_log_level.put"];
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/admin/system": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get: operations["admin.system.get"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/admin/users": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get: operations["admin.list_users.get"];
        put?: never;
        post: operations["admin.create_user.post"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/admin/users/{id}/deactivate": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        post: operations["admin.deactivate.post"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/admin/users/{id}/reset-password": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        post: operations["admin.reset_password.post"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/agent-balances": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get: operations["balances.list_balances.get"];
        put?: never;
        post: operations["balances.create_balance.post"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/agent-balances/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get: operations["balances.get_balance.get"];
        put: operations["balances.update_balance.put"];
        post?: never;
        delete: operations["balances.delete_balance.delete"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/agent-historical-swaps": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get: operations["historical_swaps.list_swaps.get"];
        put?: never;
        post: operations["historical_swaps.create_swap.post"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/agent-historical-swaps/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get: operations["historical_swaps.get_swap.get"];
        put: operations["historical_swaps.update_swap.put"];
        post?: never;
        delete: operations["historical_swaps.delete_swap.delete"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/agent-historical-swaps/export": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get: operations["historical_swaps.export_swaps.get"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/agent-positions/{agentId}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get: operations["positions.list_positions.get"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/agent-positions/{agentId}/{positionId}/close": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        post: operations["positions.close_position.post"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/agent-positions/{agentId}/take-profit-summary": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get: operations["agents.get_take_profit_summary.get"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/agent-transactions": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get: operations["transactions.list_transactions.get"];
        put?: never;
        post: operations["transactions.create_transaction.post"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/agent-transactions/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get: operations["transactions.get_transaction.get"];
        put: operations["transactions.update_transaction.put"];
        post?: never;
        delete: operations["transactions.delete_transaction.delete"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/agent-transactions/export": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get: operations["transactions.export_transactions.get"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/agents": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get: operations["agents.list_agents.get"];
        put?: never;
        post: operations["agents.create_agent.post"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/agents/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get: operations["agents.get_agent.get"];
        put: operations["agents.update_agent.put"];
        post?: never;
        delete: operations["agents.delete_agent.delete"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/agents/{id}/balance-history": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get: operations["agents.get_balance_history.get"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/agents/{id}/config": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get: operations["agents.get_config.get"];
        put: operations["agents.update_config.put"];
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch: operations["agents.update_config.patch"];
        trace?: never;
    };
    "/api/v1/agents/{id}/config/history": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get: operations["agents.config_history.get"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/agents/{id}/live-check": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get: operations["agents.live_check.get"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/agents/{id}/performance": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get: operations["agents.get_performance.get"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/agents/{id}/positions": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get: operations["agents.list_positions.get"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/agents/{id}/positions/{positionId}/close": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        post: operations["positions.close_position_of_agent.post"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/agents/{id}/positions/{positionId}/preview-sale": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        post: operations["positions.preview_sale.post"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/agents/{id}/positions/{positionId}/sell-part": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        post: operations["positions.sell_part_of_position.post"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/agents/{id}/protections": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get: operations["protections.get_protections.get"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/agents/{id}/protections/reset": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        post: operations["protections.reset_protections.post"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/agents/{id}/shadow": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get: operations["agents.get_shadow.get"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/api-keys": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get: operations["api-keys.list_api_keys.get"];
        put?: never;
        post: operations["api-keys.create_api_key.post"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/api-keys/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get: operations["api-keys.get_api_key.get"];
        put?: never;
        post?: never;
        delete: operations["api-keys.delete_api_key.delete"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/auth/audit": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get: operations["audit.own_audit_log.get"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/auth/change-password": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        post: operations["auth.change_password.post"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/auth/login": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        post: operations["auth.log_in.post"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/auth/logout": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        post: operations["auth.log_out.post"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/auth/me": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get: operations["auth.me.get"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/auth/refresh": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        post: operations["auth.refresh.post"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/auth/register": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        post: operations["auth.register.post"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/auth/sessions": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get: operations["auth.list_sessions.get"];
        put?: never;
        post?: never;
        delete: operations["auth.end_other_sessions.delete"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/auth/sessions/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        post?: never;
        delete: operations["auth.end_session.delete"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/data-sources/status": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get: operations["data_sources.status.get"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/health": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get: operations["health.health.get"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/health/live": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get: operations["health.live.get"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/health/ready": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get: operations["health.ready.get"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/metrics": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get: operations["metrics.metrics.get"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/notifications": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get: operations["notifications.list_deliveries.get"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/notifications/targets": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get: operations["notifications.list_targets.get"];
        put?: never;
        post: operations["notifications.create_target.post"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/notifications/targets/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get: operations["notifications.get_target.get"];
        put: operations["notifications.change_target.put"];
        post?: never;
        delete: operations["notifications.delete_target.delete"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/notifications/targets/{id}/test": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        post: operations["notifications.test_target.post"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/overview": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get: operations["overview.overview.get"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/overview/attention": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get: operations["overview.attention.get"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/overview/equity": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get: operations["overview.equity.get"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/price-feeds/sol-usd": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get: operations["price_feeds.sol_price.get"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/price-history/{mint}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get: operations["price_history.price_history.get"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/protections/kill-switch": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get: operations["protections.get_kill_switch.get"];
        put: operations["protections.set_kill_switch.put"];
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/protections/panic": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get: operations["protections.get_panic.get"];
        put?: never;
        post: operations["protections.panic.post"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/signal-webhooks": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get: operations["signal_webhooks.list_webhooks.get"];
        put?: never;
        post: operations["signal_webhooks.create_webhook.post"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/signal-webhooks/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get: operations["signal_webhooks.get_webhook.get"];
        put: operations["signal_webhooks.change_webhook.put"];
        post?: never;
        delete: operations["signal_webhooks.delete_webhook.delete"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/signal-webhooks/{id}/in": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        post: operations["signal_webhooks.take_alert.post"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/signal-webhooks/{id}/rotate-secret": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        post: operations["signal_webhooks.rotate_secret.post"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/signal-webhooks/{id}/test": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        post: operations["signal_webhooks.test_webhook.post"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/trades/execute": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        post: operations["trades.execute_trade.post"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/trades/preview": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        post: operations["trades.preview_trade.post"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/trading-signals": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get: operations["signals.list_signals.get"];
        put?: never;
        post: operations["signals.create_signal.post"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/trading-signals/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get: operations["signals.get_signal.get"];
        put: operations["signals.update_signal.put"];
        post?: never;
        delete: operations["signals.delete_signal.delete"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/trading-signals/{id}/decisions": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get: operations["signals.list_decisions.get"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/trading-signals/all": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        post?: never;
        delete: operations["signals.delete_all_signals.delete"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/trading-signals/export": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get: operations["signals.export_signals.get"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/trading-signals/test": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        post: operations["signal_webhooks.test_signal.post"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/wallets": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get: operations["wallets.list_own_wallets.get"];
        put?: never;
        post: operations["wallets.create_wallet.post"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/wallets/{walletAddress}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        post?: never;
        delete: operations["wallets.delete_wallet.delete"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/wallets/{walletAddress}/adopt": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        post: operations["wallets.adopt.post"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/wallets/{walletAddress}/check-deposits": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        post: operations["wallets.check_deposits.post"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/wallets/{walletAddress}/export": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        post: operations["wallets.export_wallet.post"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/wallets/{walletAddress}/ignore": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        post: operations["wallets.ignore.post"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/wallets/{walletAddress}/lock": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        post: operations["wallets.lock_wallet.post"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/wallets/{walletAddress}/reconcile": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        post: operations["wallets.reconcile.post"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/wallets/{walletAddress}/reconciliation": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get: operations["wallets.show_reconciliation.get"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/wallets/{walletAddress}/rent": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get: operations["wallets.show_rent.get"];
        put?: never;
        post: operations["wallets.reclaim_rent.post"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/wallets/{walletAddress}/reset": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        post: operations["wallets.reset_wallet.post"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/wallets/{walletAddress}/status": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get: operations["wallets.wallet_status.get"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/wallets/{walletAddress}/unassign": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        post: operations["wallets.unassign_wallet.post"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/wallets/{walletAddress}/unlock": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        post: operations["wallets.unlock_wallet.post"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/wallets/agent/{agentId}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get: operations["wallets.list_wallets.get"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/wallets/assign": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        post: operations["wallets.assign_wallet.post"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/web/link": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        post: operations["dashboard.use_link.post"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/web/links": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        post: operations["dashboard.make_link.post"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/web/login": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        post: operations["dashboard.log_in.post"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/web/logout": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        post: operations["dashboard.log_out.post"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/web/refresh": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        post: operations["dashboard.refresh.post"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/webhooks/test": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        post: operations["webhooks.echo.post"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/ws/ticket": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        post: operations["websocket.issue_ticket.post"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
}
export type webhooks = Record<string, never>;
export interface components {
    schemas: {
        AccessTokenOut: {
            accessToken: string;
            refreshToken?: string;
        };
        AdoptedOut: {
            amount: string;
            costSol: string;
            positionId: string;
            success: boolean;
            tokenAddress: string;
            tokenSymbol: string;
        };
        AdoptIn: {
            costSol?: string | Decimal | null;
            symbol?: string | null;
            tokenAddress: string;
        };
        AgentChangesIn: {
            automatedTradingLive?: boolean;
            automatedTradingSimulation?: boolean;
            name?: string;
            tradingMode?: components["schemas"]["TradingMode"];
        };
        AgentDeletedOut: {
            message: string;
            openPositions: number;
            success: boolean;
        };
        AgentIn: {
            name: string;
            tradingMode?: components["schemas"]["TradingMode"];
        };
        AgentOut: {
            automatedTradingLive: boolean;
            automatedTradingSimulation: boolean;
            createdAt: string;
            id: string;
            name: string;
            tradingMode: components["schemas"]["TradingMode"];
            updatedAt: string;
            userId: string;
        };
        AgentWalletOut: {
            createdAt: string;
            isAvailable: boolean;
            isUnlocked: boolean;
            source: components["schemas"]["WalletSource"];
            updatedAt: string;
            walletAddress: string;
            walletType: components["schemas"]["TradingMode"];
        };
        AlertIn: {
            alert: Record<string, never> | string | unknown[] | Decimal | boolean;
        };
        ApiKeyIn: {
            expiresAt?: string | Decimal | null;
            name: string;
            scopes: components["schemas"]["Scope"][];
        };
        ApiKeyOut: {
            createdAt: string;
            expiresAt: string | null;
            id: string;
            name: string;
            prefix: string;
            scopes: components["schemas"]["Scope"][];
        };
        ApiKeysOut: {
            items: components["schemas"]["ApiKeyOut"][];
        };
        AssignIn: {
            agentId: string;
            walletAddress: string;
            walletType: components["schemas"]["TradingMode"];
        };
        AssignOut: {
            message: string;
            network: "testnet" | "mainnet";
            success: boolean;
            walletAddress: string;
            walletType: components["schemas"]["TradingMode"];
        };
        AuditEntryOut: {
            action: string;
            actor: string;
            address: string;
            at: string;
            details: {
                [key: string]: string;
            };
            id: number;
            outcome: "ok" | "failed" | "locked";
            target: string;
            userId: string | null;
        };
        BalanceChangesIn: {
            balance?: string | null;
            tokenSymbol?: string | null;
        } | {
            balance: unknown;
        } | {
            tokenSymbol: unknown;
        };
        BalanceHistoryOut: {
            agentId: string;
            snapshots: components["schemas"]["SnapshotOut"][];
            timeframe: "all" | "24h";
        };
        BalanceIn: {
            agentId: string;
            balance: string;
            tokenAddress: string;
            tokenSymbol: string;
            walletAddress?: string | null;
        };
        BalanceOut: {
            agentId: string;
            balance: string;
            id: string;
            lastUpdated: string;
            priceSol?: Decimal | null;
            tokenAddress: string;
            tokenSymbol: string;
            walletAddress: string;
        };
        CacheResetIn: {
            confirm: true;
        };
        CacheResetOut: {
            cleared: number;
            duration: number;
            success: true;
            warmed: components["schemas"]["WarmedCountsOut"];
        };
        CacheStatusOut: {
            connected: boolean;
            counts: components["schemas"]["CountsOut"];
            keyPrefix: string;
        };
        CandleOut: {
            close: string;
            high: string;
            low: string;
            open: string;
            source: string | null;
            time: string;
        };
        ChangePasswordIn: {
            currentPassword: string;
            newPassword: string;
        };
        Channel: "apprise" | "webhook";
        CheckDepositsIn: {
            agentId: string;
        };
        CheckDepositsOut: {
            depositAmount: Decimal | null;
            depositDetected: boolean;
            message: string;
            onChainBalance: Decimal;
            previousBalance: Decimal;
            success: boolean;
            transactionId: string | null;
        };
        ClearedOut: {
            cleared: number;
            duration: number;
            success: true;
        };
        ClearIn: {
            confirm: true;
        };
        ClosedOut: {
            changePercent: Decimal;
            historicalSwapId: string;
            inputAmount: Decimal;
            outputAmount: Decimal;
            positionId: string;
            profitLossSol: Decimal;
            profitLossUsd: Decimal;
            salePrice: Decimal;
            success: boolean;
            transactionHash: string | null;
            transactionId: string;
        };
        CloseIn: {
            reason?: "manual" | "stop_loss" | "" | null;
        };
        CloseReason: "manual" | "stop_loss" | "take_profit" | "stale_trade" | "write_off" | "panic" | "external" | "signal";
        ConfigIn: {
            config: unknown;
        };
        ConfigOut: {
            config: components["schemas"]["TradingConfig"];
        };
        ConfiguredOut: {
            configured: boolean;
        };
        ConfigVersionOut: {
            changed: string[];
            config: Record<string, never>;
            id: number;
            savedAt: string;
            savedBy: string | null;
        };
        CountsOut: {
            activeAgents: number;
            agents: number;
            balances: number;
            configs: number;
            positions: number;
            prices: number;
        };
        CreateWalletIn: {
            agentId: string;
            passphrase?: string | null;
            privateKey?: string | number[] | null;
            walletType?: components["schemas"]["TradingMode"];
        };
        CurrentOut: {
            priceNative: Decimal;
            priceUsd: Decimal;
            valueNative: Decimal;
            valueUsd: Decimal;
        };
        DataSourcesOut: {
            dexscreener: components["schemas"]["ConfiguredOut"];
            grafanaUrl?: string | null;
            jupiter: components["schemas"]["ConfiguredOut"];
            liquidityChecks: components["schemas"]["ConfiguredOut"];
            pythNetwork: components["schemas"]["ConfiguredOut"];
            pythSolPriceFeed: components["schemas"]["ConfiguredOut"];
            signalGeneration: components["schemas"]["ConfiguredOut"];
        };
        DcaConfig: {
            cooldownSeconds?: number | Decimal;
            enabled?: boolean;
            levels?: components["schemas"]["DcaLevel"][];
            maxDCACount?: number | Decimal;
            mode?: "aggressive" | "moderate" | "conservative" | "custom";
        };
        DcaLevel: {
            buyPercent: number | Decimal;
            dropPercent: number | Decimal;
        };
        DcaOut: {
            count: number;
            lastDcaTime: string | null;
            totalInvestedSol: Decimal;
        };
        DecisionOut: {
            agentId: string;
            code: string | null;
            decidedAt: string;
            gates: components["schemas"]["GateOut"][];
            intentId: string | null;
            latencyMs: {
                [key: string]: Decimal;
            };
            outcome: string;
            positionId: string | null;
            priceAgeMs: number | null;
            priceSol: string | null;
            priceSource: string | null;
            reason: string | null;
            sizeSol: string | null;
            transactionId: string | null;
        };
        DecisionsOut: {
            action?: components["schemas"]["SignalAction"];
            decisions: components["schemas"]["DecisionOut"][];
            note: string | null;
            percent?: Decimal | null;
            processedAt: string | null;
            signalId: number;
        };
        DeletedRowsOut: {
            balances: number;
            balanceSnapshots: number;
            historicalSwaps: number;
            positions: number;
            transactions: number;
        };
        DeleteWalletIn: {
            confirm: true;
            force?: boolean | null;
            passphrase?: string | null;
        };
        DeliveryOut: {
            agentId: string | null;
            at: string;
            attempts: number;
            dueAt: string;
            error: string | null;
            facts: {
                [key: string]: string;
            };
            id: number;
            kind: "position_opened" | "position_closed" | "trade_failed" | "exit_delayed" | "protection_tripped" | "feed_stale" | "wallet_locked" | "wallet_unreconciled" | "orphan_found" | "engine_moved" | "engine_stopped" | "engine_trouble" | "target_failing" | "daily_report" | "weekly_report";
            level: "info" | "warning" | "danger";
            notificationId: string;
            sentAt: string | null;
            state: "waiting" | "sent" | "failed";
            targetId: string;
            targetName: string;
            text: string;
            title: string;
        };
        DifferenceOut: {
            chainAmount: string;
            difference: string;
            kind: components["schemas"]["FindingKind"];
            ledgerAmount: string;
            positionId: string | null;
            tokenAddress: string;
            tokenSymbol: string;
        };
        DoneOut: {
            message: string;
            success: boolean;
        };
        EchoOut: {
            message: string;
            received: components["schemas"]["ReceivedOut"];
            success: true;
            timestamp: string;
        };
        EndedOut: {
            ended: number;
            message: string;
            success: boolean;
        };
        EngineOut: {
            ageSeconds?: Decimal | null;
            epoch?: number;
            holder?: string | null;
            reason?: string | null;
            role: "engine" | "replica" | "starting" | "unknown";
            unresolved?: number;
            unresolvedWallets?: string[] | null;
        };
        EquityOut: {
            mode: components["schemas"]["TradingMode"];
            points: components["schemas"]["EquityPointOut"][];
            timeframe: "24h" | "7d" | "30d" | "all";
        };
        EquityPointOut: {
            portfolioBalanceSol: string;
            time: string;
            wallets: number;
        };
        Error: {
            code?: string;
            currentBalance?: string;
            details?: unknown;
            error: string;
            lockedUntil?: string;
            message?: string;
            requiredAmount?: string;
            retryAfter?: number;
            success?: false;
            tokenAddress?: string;
            tokenSymbol?: string;
        };
        EventKind: "position_opened" | "position_closed" | "trade_failed" | "exit_delayed" | "protection_tripped" | "feed_stale" | "wallet_locked" | "wallet_unreconciled" | "orphan_found" | "engine_moved" | "engine_stopped" | "engine_trouble" | "target_failing" | "daily_report" | "weekly_report" | "test";
        ExportIn: {
            confirm: true;
            passphrase: string;
        };
        ExportOut: {
            format: "base58";
            privateKey: string;
            walletAddress: string;
        };
        FeeGapOut: {
            fills: number;
            paperSol: string;
            realSol: string;
        };
        FindingKind: "deposit" | "withdrawal" | "moved" | "orphan";
        FindingOut: {
            advice: string;
            found: string;
            name: string;
            verdict: components["schemas"]["Verdict"];
        };
        GateOut: {
            limit: string | null;
            name: string;
            passed: boolean;
            value: string | null;
        };
        HealthOut: {
            engine?: components["schemas"]["EngineOut"] | null;
            message?: string | null;
            reconciliation?: components["schemas"]["nexgent__api__v1__health__schemas__ReconciliationOut"] | null;
            services: components["schemas"]["ServicesOut"];
            status: "healthy" | "degraded" | "unhealthy";
            timestamp: string;
            uptime: number;
            version: string;
        };
        HistoricalSwapChangesIn: {
            amount?: string | Decimal;
            changePercent?: string | Decimal;
            closeReason?: ("manual" | "stop_loss" | "take_profit" | "stale_trade" | "write_off" | "panic" | "external" | "signal" | "signal_replace") | null;
            profitLossSol?: string | Decimal;
            profitLossUsd?: string | Decimal;
            purchasePrice?: string | Decimal;
            purchaseTime?: string | Decimal;
            purchaseTransactionId?: string | null;
            salePrice?: string | Decimal;
            saleTime?: string | Decimal;
            saleTransactionId?: string | null;
            signalId?: number | string | null;
            tokenAddress?: string;
            tokenSymbol?: string;
        };
        HistoricalSwapIn: {
            agentId: string;
            amount: string | Decimal;
            changePercent: string | Decimal;
            closeReason?: ("manual" | "stop_loss" | "take_profit" | "stale_trade" | "write_off" | "panic" | "external" | "signal" | "signal_replace") | null;
            profitLossSol: string | Decimal;
            profitLossUsd: string | Decimal;
            purchasePrice: string | Decimal;
            purchaseTime: string | Decimal;
            purchaseTransactionId?: string | null;
            salePrice: string | Decimal;
            saleTime: string | Decimal;
            saleTransactionId?: string | null;
            signalId?: number | string | null;
            tokenAddress: string;
            tokenSymbol: string;
            walletAddress?: string | null;
        };
        HistoricalSwapOut: {
            agentId: string;
            amount: string;
            changePercent: string;
            closeReason: string | null;
            createdAt: string;
            id: string;
            profitLossSol: string;
            profitLossUsd: string;
            purchasePrice: string;
            purchaseTime: string;
            purchaseTransactionId: string | null;
            salePrice: string;
            saleTime: string;
            saleTransactionId: string | null;
            signalId: string | null;
            tokenAddress: string;
            tokenSymbol: string;
            walletAddress: string | null;
        };
        IgnoreIn: {
            ignored?: boolean;
            tokenAddress: string;
        };
        KillSwitchesOut: {
            system: components["schemas"]["KillSwitchOut"];
            user: components["schemas"]["KillSwitchOut"];
        };
        KillSwitchIn: {
            engaged: boolean;
            reason?: string | null;
            scope?: ("user" | "system") | string | null;
        };
        KillSwitchOut: {
            changedAt: string | null;
            engaged: boolean;
            flatten: boolean;
            reason: string | null;
        };
        Level: "info" | "warning" | "danger";
        LinePointOut: {
            peakPrice: string;
            stopPrice: string | null;
            targetPrice: string | null;
            time: string;
        };
        LinkIn: {
            token: string;
        };
        LinkOut: {
            expiresAt: string;
            path: string;
            token: string;
        };
        LiveCheckOut: {
            agentId: string;
            checkedAt: string;
            findings: components["schemas"]["FindingOut"][];
            ok: boolean;
        };
        LiveOut: {
            alive: boolean;
            timestamp: string;
            uptime: number;
        };
        LoadedWalletOut: {
            isAssigned: boolean;
            walletAddress: string;
        };
        LockOut: {
            isUnlocked: boolean;
            success: boolean;
            walletAddress: string;
        };
        LoginIn: {
            email: string;
            password: string;
            rememberMe?: boolean;
        };
        LogLevelChangedOut: {
            configured: string;
            level: string;
            loggers: {
                [key: string]: string;
            };
            processes: number | null;
        };
        LogLevelIn: {
            level: ("debug" | "info" | "warn" | "error") | null;
            logger?: string | null;
        };
        LogLevelOut: {
            configured: string;
            level: string;
            loggers: {
                [key: string]: string;
            };
        };
        LogoutIn: {
            refreshToken?: string | null;
        };
        ManagedUserOut: {
            active: boolean;
            administrator: boolean;
            agents: number;
            apiKeys: number;
            createdAt: string;
            email: string;
            id: string;
            lastUsedAt: string | null;
        };
        MarkerKind: "signal" | "entry" | "average_down" | "partial_sale" | "exit";
        MarkerOut: {
            agentId: string | null;
            amountSol: string | null;
            kind: components["schemas"]["MarkerKind"];
            price: string | null;
            profitLossSol: string | null;
            reason: string | null;
            signalId: number | null;
            time: string;
            transactionId: string | null;
        };
        MoonBagConfig: {
            enabled?: boolean;
            retainPercent?: number | Decimal;
            triggerPercent?: number | Decimal;
        };
        NewApiKeyOut: {
            createdAt: string;
            expiresAt: string | null;
            id: string;
            key: string;
            name: string;
            prefix: string;
            scopes: components["schemas"]["Scope"][];
        };
        NewPasswordIn: {
            password: string;
        };
        NewTargetOut: {
            address: string;
            agentIds: string[] | null;
            channel: "apprise" | "webhook";
            createdAt: string;
            digestSeconds: number;
            enabled: boolean;
            events: ("position_opened" | "position_closed" | "trade_failed" | "exit_delayed" | "protection_tripped" | "feed_stale" | "wallet_locked" | "wallet_unreconciled" | "orphan_found" | "engine_moved" | "engine_stopped" | "engine_trouble" | "target_failing" | "daily_report" | "weekly_report")[] | null;
            failedCount: number;
            failingSince: string | null;
            id: string;
            lastError: string | null;
            lastErrorAt: string | null;
            lastSentAt: string | null;
            minLevel: "info" | "warning" | "danger";
            name: string;
            quietHours: components["schemas"]["QuietHoursOut"] | null;
            retryAt: string | null;
            secret: string | null;
            sentCount: number;
            updatedAt: string;
        };
        NewUserIn: {
            email: string;
            password: string;
        };
        NewWebhookOut: {
            acceptedCount: number;
            createdAt: string;
            enabled: boolean;
            id: string;
            lastReceivedAt: string | null;
            maps: {
                [key: string]: {
                    [key: string]: string | number | Decimal;
                };
            };
            maxAgeSeconds: number;
            name: string;
            path: string;
            refusedCount: number;
            secret: string;
            template: {
                [key: string]: string;
            };
            updatedAt: string;
        };
        nexgent__api__v1__health__schemas__ReconciliationOut: {
            ageSeconds: number;
            differences: number;
            orphans: number;
            wallets: number;
        };
        nexgent__api__v1__reconciliation__schemas__ReconciliationOut: {
            checkedAt: string | null;
            ignored: string[];
            orphans: components["schemas"]["OrphanOut"][];
            slot: number | null;
            walletAddress: string;
        };
        NothingIn: Record<string, never>;
        NoticeKind: "exit_delayed" | "price_stale" | "sol_price_stale" | "wallet_locked" | "wallet_unreconciled" | "orphan_token" | "protection" | "kill_switch" | "engine_elsewhere" | "engine_not_ready" | "engine_late" | "notifications";
        NoticeOut: {
            agentId: string | null;
            agentName: string | null;
            code: string | null;
            kind: components["schemas"]["NoticeKind"];
            positionId: string | null;
            severity: components["schemas"]["Severity"];
            since: string | null;
            text: string;
            tokenAddress: string | null;
            tokenSymbol: string | null;
            walletAddress: string | null;
        };
        NoticesOut: {
            items: components["schemas"]["NoticeOut"][];
        };
        OrphanOut: {
            amount: string;
            tokenAddress: string;
            tokenSymbol: string;
        };
        Outcome: "ok" | "failed" | "locked";
        OverviewOut: {
            agents: number;
            mode: components["schemas"]["TradingMode"];
            openPositions: number;
            periods: components["schemas"]["PeriodOut"][];
            portfolioBalanceSol: string;
            positionsValueSol: string;
            solBalance: string;
            unrealizedProfitLossSol: string;
        };
        OwnWalletOut: {
            agentId: string | null;
            createdAt: string;
            isAvailable: boolean;
            isUnlocked: boolean;
            source: components["schemas"]["WalletSource"];
            unlockedUntil: string | null;
            updatedAt: string;
            walletAddress: string;
            walletType: components["schemas"]["TradingMode"];
        };
        OwnWalletsOut: {
            wallets: components["schemas"]["OwnWalletOut"][];
        };
        PanicIn: {
            flatten?: boolean;
            reason?: string | null;
            scope?: ("user" | "system") | string | null;
        };
        PanicOut: {
            changedAt: string | null;
            engaged: boolean;
            engine: boolean;
            entriesUnderWay: number;
            flat: boolean;
            flatten: boolean;
            reason: string | null;
            recorded: boolean;
            remaining: components["schemas"]["RemainingOut"][];
            remainingCount: number;
            resume: string;
            scope: string;
        };
        PerformanceOut: {
            averageReturn: Decimal;
            portfolioBalanceSol: Decimal;
            realizedProfitLossSol: Decimal;
            totalClosedTrades: number;
            totalOpenPositions: number;
            totalProfitLossSol: Decimal;
            unrealizedProfitLossSol: Decimal;
            winRate: Decimal;
        };
        PeriodOut: {
            closedTrades: number;
            period: string;
            profitLossSol: string;
            profitLossUsd: string;
            since: string | null;
            winRate: Decimal;
            wins: number;
        };
        PositionCalculatorConfig: {
            positionSizes?: components["schemas"]["PositionSizes"];
            randomization?: components["schemas"]["RandomizationConfig"];
            solBalanceThresholds?: components["schemas"]["SolBalanceThresholds"];
        };
        PositionLinesOut: {
            agentId: string;
            points: components["schemas"]["LinePointOut"][];
            positionId: string;
        };
        PositionOut: {
            agentId: string;
            createdAt: string;
            current: components["schemas"]["CurrentOut"];
            dca: components["schemas"]["DcaOut"];
            id: string;
            profitLoss: components["schemas"]["ProfitLossOut"];
            purchase: components["schemas"]["PurchaseOut"];
            stopLoss: components["schemas"]["StopLossOut"];
            takeProfit: components["schemas"]["TakeProfitOut"];
            tokenAddress: string;
            tokenSymbol: string;
            updatedAt: string;
            walletAddress: string;
        };
        PositionSizes: {
            large?: components["schemas"]["SizeRange"];
            medium?: components["schemas"]["SizeRange"];
            small?: components["schemas"]["SizeRange"];
        };
        PriceHistoryOut: {
            candles: components["schemas"]["CandleOut"][];
            lines: components["schemas"]["PositionLinesOut"][];
            markers: components["schemas"]["MarkerOut"][];
            mint: string;
            refusals: components["schemas"]["SourceRefusalOut"][];
            resolution: components["schemas"]["Resolution"];
            sources: components["schemas"]["SourceLineOut"][];
        };
        ProfitLossOut: {
            native: Decimal;
            percent: Decimal;
            priceChangePercent: Decimal;
            usd: Decimal;
        };
        ProtectionsConfig: {
            lossStreakPauseMinutes?: number | Decimal;
            maxDailyLossPercent?: (number | Decimal) | null;
            maxDailyLossSol?: (number | Decimal) | null;
            maxDrawdownPercent?: (number | Decimal) | null;
            maxExposurePercent?: (number | Decimal) | null;
            maxExposureSol?: (number | Decimal) | null;
            maxLossStreak?: number | null;
            maxTradesPerHour?: number | null;
            tokenCooldownMinutes?: (number | Decimal) | null;
        };
        ProtectionsOut: {
            agentId: string;
            config: components["schemas"]["ProtectionsConfig"];
            resetAt: string | null;
            wallets: components["schemas"]["WalletProtectionsOut"][];
        };
        ProtectionsResetOut: {
            agentId: string;
            resetAt: string;
            success: boolean;
        };
        PurchaseLimitsConfig: {
            maxPriceImpact?: (number | Decimal) | null;
            maxPurchasePerToken?: number | Decimal;
            minimumAgentBalance?: number | Decimal;
        };
        PurchaseOut: {
            amount: Decimal;
            priceNative: Decimal;
            priceUsd: Decimal;
            transaction: components["schemas"]["PurchaseTransactionOut"];
        };
        PurchaseTransactionOut: {
            hash: string | null;
            id: string;
            time: string;
        };
        QuietHoursIn: {
            from: string;
            timeZone: string;
            to: string;
        };
        QuietHoursOut: {
            from: string;
            timeZone: string;
            to: string;
        };
        RandomizationConfig: {
            enabled?: boolean;
        };
        ReadyOut: {
            degraded?: boolean | null;
            engine?: components["schemas"]["EngineOut"] | null;
            message?: string | null;
            ready: boolean;
            timestamp: string;
        };
        ReceivedOut: {
            body: unknown;
            headers: {
                [key: string]: string;
            };
            method: "POST";
            path: "/test";
            query: {
                [key: string]: string | string[];
            };
        };
        RecentWarningOut: {
            advice: string;
            count: number;
            event: string;
            fields: {
                [key: string]: string;
            };
            firstAt: string;
            lastAt: string;
            level: "warning" | "error";
            what: string;
        };
        ReclaimedOut: {
            accounts: components["schemas"]["RentAccountOut"][];
            fee: string;
            left: number;
            reclaimed: string;
            signature: string;
            success: boolean;
            transactionId: string;
        };
        ReconciledOut: {
            booked: number;
            differences: components["schemas"]["DifferenceOut"][];
            orphans: components["schemas"]["OrphanOut"][];
            slot: number;
            success: boolean;
            waiting: boolean;
            walletAddress: string;
        };
        RefreshIn: {
            refreshToken: string;
            rotate?: boolean;
        };
        RefusalOut: {
            code: string;
            reason: string;
        };
        RefusalReason: "unconfirmed" | "contradicted" | "stranger" | "frozen" | "stale" | "not_a_price" | "no_sol_price";
        RegisterIn: {
            email: string;
            password: string;
        };
        RemainingOut: {
            agentId: string;
            agentName: string;
            attempts: number;
            code: string | null;
            exitReason: string | null;
            positionId: string;
            tokenAddress: string;
            tokenSymbol: string;
            walletAddress: string;
            walletType: string;
        };
        RentAccountOut: {
            address: string;
            closes: boolean;
            deposit: string;
            reclaimable: string;
            tokenAddress: string;
        };
        RentOut: {
            accounts: components["schemas"]["RentAccountOut"][];
            locked: string;
            reclaimable: string;
            walletAddress: string;
        };
        ResetIn: {
            confirm: true;
        };
        ResetOut: {
            deleted: components["schemas"]["DeletedRowsOut"];
            duration: number;
            message: string;
            success: boolean;
            walletAddress: string;
        };
        Resolution: "1s" | "1m" | "1h";
        SalePreviewIn: {
            percent?: string | Decimal;
        };
        SalePreviewOut: {
            ageMs: number;
            amount: Decimal;
            costSol: Decimal;
            networkFeeSol: Decimal;
            priceImpactPercent: Decimal;
            priceSol: Decimal;
            profitLossPercent: Decimal;
            profitLossSol: Decimal;
            protocolFeeSol: Decimal | null;
            receivedSol: Decimal;
            remainingAmount: Decimal;
            rentSol: Decimal;
            source: string;
        };
        Scope: "signals" | "signals_read" | "agents" | "positions" | "balances" | "transactions" | "history" | "trading" | "overview" | "kill_switch" | "full_access";
        SellPartIn: {
            percent: string | Decimal;
        };
        ServiceOut: {
            latency?: number | null;
            status: "healthy" | "unhealthy";
        };
        ServicesOut: {
            database: components["schemas"]["ServiceOut"];
            queue: components["schemas"]["ServiceOut"];
            redis: components["schemas"]["ServiceOut"];
        };
        SessionOut: {
            accessToken: string;
            refreshToken: string;
            user: components["schemas"]["UserOut"];
        };
        SessionRecordOut: {
            address: string;
            createdAt: string;
            current: boolean;
            expiresAt: string;
            id: string;
            lastUsedAt: string;
            userAgent: string;
        };
        SessionsOut: {
            items: components["schemas"]["SessionRecordOut"][];
        };
        Severity: "danger" | "warning" | "info";
        ShadowConfig: {
            enabled?: boolean;
        };
        ShadowFigureOut: {
            buys: number;
            fills: number;
            networkFee: components["schemas"]["FeeGapOut"];
            orderToLandingMs: components["schemas"]["SpreadOut"] | null;
            platformFee: components["schemas"]["FeeGapOut"];
            priceGapPercent: components["schemas"]["SpreadOut"] | null;
            priceGapSol: string;
            priorityFee: components["schemas"]["FeeGapOut"];
            sales: number;
            tokenAddress: string | null;
            tokenSymbol: string | null;
            triggerToLandingMs: components["schemas"]["SpreadOut"] | null;
            triggerToOrderMs: components["schemas"]["SpreadOut"] | null;
        };
        ShadowOut: {
            agentId: string;
            complete: boolean;
            enabled: boolean;
            hasLiveWallet: boolean;
            since: string;
            tokens: components["schemas"]["ShadowFigureOut"][];
            total: components["schemas"]["ShadowFigureOut"];
        };
        SignalAction: "buy" | "close" | "reduce";
        SignalChangesIn: {
            activationReason?: string | null;
            signalStrength?: number;
            signalType?: string;
            source?: string | null;
            symbol?: string | null;
            tokenAddress?: string;
        };
        SignalIn: {
            action?: components["schemas"]["SignalAction"] | null;
            activationReason?: string | null;
            percent?: string | Decimal | null;
            positionSizeMultiplier?: Decimal | null;
            scoreComponents?: Record<string, never> | null;
            signalScore?: Decimal | null;
            signalStrength: number;
            signalType: string;
            source?: string | null;
            symbol?: string | null;
            tokenAddress: string;
        };
        SignalOut: {
            action?: components["schemas"]["SignalAction"];
            activationReason: string | null;
            createdAt: string;
            id: number;
            percent?: Decimal | null;
            signalStrength: number;
            signalType: string;
            source: string | null;
            symbol: string | null;
            tokenAddress: string;
            updatedAt: string;
        };
        SignalsConfig: {
            allowedSignalTypes?: string[];
            holderCountMax?: number | null;
            holderCountMin?: number | null;
            liquidityMax?: (number | Decimal) | null;
            liquidityMin?: (number | Decimal) | null;
            marketCapMax?: (number | Decimal) | null;
            marketCapMin?: (number | Decimal) | null;
            minScore?: number;
            sellSignals?: "followed" | "all" | "none";
            tokenFilterMode?: "none" | "blacklist" | "whitelist";
            tokenList?: string[];
        };
        SignalsDeletedOut: {
            deletedCount: number;
            message: string;
        };
        SizeRange: {
            max: number | Decimal;
            min: number | Decimal;
        };
        SnapshotOut: {
            portfolioBalanceSol: string;
            positionsValueSol: string;
            solBalance: string;
            timestamp: string;
            unrealizedPnLSol: string;
        };
        SolBalanceThresholds: {
            large?: number | Decimal;
            medium?: number | Decimal;
            minimum?: number | Decimal;
        };
        SoldPartOut: {
            inputAmount: Decimal;
            outputAmount: Decimal;
            positionId: string;
            remainingAmount: Decimal;
            success: boolean;
            transactionHash: string | null;
            transactionId: string;
        };
        SolPriceOut: {
            isStale: boolean;
            lastUpdated: string | null;
            price: string;
            source: string;
        };
        SourceLineOut: {
            points: components["schemas"]["SourcePointOut"][];
            source: string;
        };
        SourcePointOut: {
            price: string;
            time: string;
        };
        SourceRefusalOut: {
            inDoubt: boolean;
            reason: components["schemas"]["RefusalReason"];
            since: string;
            source: string;
            until: string | null;
        };
        SpreadOut: {
            mean: string;
            median: string;
            worst: string;
        };
        StaleTradeConfig: {
            enabled?: boolean;
            maxProfitPercent?: number | Decimal;
            minHoldTimeMinutes?: number | Decimal;
            minProfitPercent?: number | Decimal;
        };
        StopLossConfig: {
            defaultPercentage?: number | Decimal;
            enabled?: boolean;
            mode?: "fixed" | "exponential" | "zones" | "custom";
            trailingLevels?: components["schemas"]["TrailingLevel"][];
        };
        StopLossOut: {
            peakPrice: Decimal;
            percentage: Decimal;
        };
        SystemOut: {
            budgets: components["schemas"]["UpstreamBudgetOut"][];
            warnings: components["schemas"]["RecentWarningOut"][];
        };
        TakeProfitConfig: {
            enabled?: boolean;
            levels?: components["schemas"]["TakeProfitLevel"][];
            mode?: "aggressive" | "moderate" | "conservative" | "custom";
            moonBag?: components["schemas"]["MoonBagConfig"];
        };
        TakeProfitLevel: {
            sellPercent: number | Decimal;
            targetPercent: number | Decimal;
        };
        TakeProfitOut: {
            lastTakeProfitTime: string | null;
            levelsHit: number;
            moonBagActivated: boolean;
            moonBagAmount: Decimal | null;
            originalAmount: Decimal;
            remainingAmount: Decimal;
            soldPercent: Decimal;
            totalLevels: number | null;
            tpBatchStartLevel: number;
            transactionIds: string[];
        };
        TakeProfitPositionOut: {
            id: string;
            lastTakeProfitTime: string | null;
            levelsHit: number;
            moonBagActivated: boolean;
            remainingPercent: Decimal;
            tokenSymbol: string;
        };
        TakeProfitSummaryOut: {
            activeMoonBags: number;
            positions?: components["schemas"]["TakeProfitPositionOut"][] | null;
            positionsWithTakeProfitHit: number;
            totalLevelsHit: number;
            totalPositions: number;
        };
        TargetChangeIn: {
            agentIds?: string[] | null;
            digestSeconds?: number;
            enabled?: boolean;
            events?: ("position_opened" | "position_closed" | "trade_failed" | "exit_delayed" | "protection_tripped" | "feed_stale" | "wallet_locked" | "wallet_unreconciled" | "orphan_found" | "engine_moved" | "engine_stopped" | "engine_trouble" | "target_failing" | "daily_report" | "weekly_report")[] | null;
            minLevel?: "info" | "warning" | "danger";
            name?: string;
            quietHours?: components["schemas"]["QuietHoursIn"] | null;
            url?: string;
        };
        TargetIn: {
            agentIds?: string[] | null;
            channel: "apprise" | "webhook";
            digestSeconds?: number;
            enabled?: boolean;
            events?: ("position_opened" | "position_closed" | "trade_failed" | "exit_delayed" | "protection_tripped" | "feed_stale" | "wallet_locked" | "wallet_unreconciled" | "orphan_found" | "engine_moved" | "engine_stopped" | "engine_trouble" | "target_failing" | "daily_report" | "weekly_report")[] | null;
            minLevel?: "info" | "warning" | "danger";
            name: string;
            quietHours?: components["schemas"]["QuietHoursIn"] | null;
            url: string;
        };
        TargetOut: {
            address: string;
            agentIds: string[] | null;
            channel: "apprise" | "webhook";
            createdAt: string;
            digestSeconds: number;
            enabled: boolean;
            events: ("position_opened" | "position_closed" | "trade_failed" | "exit_delayed" | "protection_tripped" | "feed_stale" | "wallet_locked" | "wallet_unreconciled" | "orphan_found" | "engine_moved" | "engine_stopped" | "engine_trouble" | "target_failing" | "daily_report" | "weekly_report")[] | null;
            failedCount: number;
            failingSince: string | null;
            id: string;
            lastError: string | null;
            lastErrorAt: string | null;
            lastSentAt: string | null;
            minLevel: "info" | "warning" | "danger";
            name: string;
            quietHours: components["schemas"]["QuietHoursOut"] | null;
            retryAt: string | null;
            sentCount: number;
            updatedAt: string;
        };
        TargetsOut: {
            items: components["schemas"]["TargetOut"][];
        };
        TestedSignalOut: {
            action?: components["schemas"]["SignalAction"];
            activationReason: string | null;
            percent?: Decimal | null;
            signalStrength: number;
            signalType: string;
            source: string | null;
            symbol: string | null;
            tokenAddress: string;
        };
        TestOut: {
            decisions: components["schemas"]["DecisionOut"][];
            refusal: components["schemas"]["RefusalOut"] | null;
            signal: components["schemas"]["TestedSignalOut"];
        };
        TicketOut: {
            expiresAt: string;
            ticket: string;
        };
        TradeIn: {
            agentId: string;
            positionSize?: Decimal | string | null;
            signalId?: number | string | null;
            tokenAddress: string;
            tokenSymbol?: string | null;
            walletAddress?: string | null;
        };
        TradeOut: {
            inputAmount: Decimal;
            outputAmount: Decimal;
            positionId: string | null;
            purchasePrice: Decimal;
            signalId?: number | null;
            stopLossInitialized: boolean;
            stopLossPercentage?: Decimal | null;
            success: boolean;
            transactionHash: string | null;
            transactionId: string;
        };
        TradePreviewOut: {
            amount: Decimal;
            balanceAfterSol: Decimal;
            maxPriceImpactPercent: Decimal | null;
            networkFeeSol: Decimal;
            priceImpactPercent: Decimal;
            priceSol: Decimal;
            protocolFeeSol: Decimal | null;
            rentSol: Decimal;
            sizeSol: Decimal;
            stopLossPercentage: Decimal | null;
            stopPriceSol: Decimal | null;
            totalSol: Decimal;
            walletAddress: string;
        };
        TradingConfig: {
            dca?: components["schemas"]["DcaConfig"];
            positionCalculator?: components["schemas"]["PositionCalculatorConfig"];
            protections?: components["schemas"]["ProtectionsConfig"];
            purchaseLimits?: components["schemas"]["PurchaseLimitsConfig"];
            shadow?: components["schemas"]["ShadowConfig"];
            signals?: components["schemas"]["SignalsConfig"];
            staleTrade?: components["schemas"]["StaleTradeConfig"];
            stopLoss?: components["schemas"]["StopLossConfig"];
            takeProfit?: components["schemas"]["TakeProfitConfig"];
        };
        TradingMode: "simulation" | "live";
        TrailingLevel: {
            change: number | Decimal;
            stopLoss: number | Decimal;
        };
        TransactionChangesIn: {
            destinationAddress?: string | null;
            fees?: string | Decimal | null;
            inputAmount?: string | Decimal | null;
            inputMint?: string | null;
            inputPrice?: string | Decimal | null;
            inputSymbol?: string | null;
            isDca?: boolean;
            isTakeProfit?: boolean;
            outputAmount?: string | Decimal | null;
            outputMint?: string | null;
            outputPrice?: string | Decimal | null;
            outputSymbol?: string | null;
            priceImpact?: string | Decimal | null;
            routes?: unknown;
            signalId?: number | string | null;
            slippage?: string | Decimal | null;
            transactionTime?: string | Decimal;
            transactionType?: "DEPOSIT" | "SWAP" | "BURN";
            transactionValueUsd?: string | Decimal;
        };
        TransactionIn: {
            agentId: string;
            destinationAddress?: string | null;
            fees?: string | Decimal | null;
            inputAmount?: string | Decimal | null;
            inputMint?: string | null;
            inputPrice?: string | Decimal | null;
            inputSymbol?: string | null;
            isDca?: boolean | null;
            outputAmount?: string | Decimal | null;
            outputMint?: string | null;
            outputPrice?: string | Decimal | null;
            outputSymbol?: string | null;
            priceImpact?: string | Decimal | null;
            routes?: unknown;
            signalId?: number | string | null;
            slippage?: string | Decimal | null;
            transactionTime: string | Decimal;
            transactionType: "DEPOSIT" | "SWAP" | "BURN";
            transactionValueUsd: string | Decimal;
            walletAddress?: string | null;
        };
        TransactionOut: {
            agentId: string;
            createdAt: string;
            destinationAddress: string | null;
            fees: string | null;
            id: string;
            inputAmount: string | null;
            inputMint: string | null;
            inputPrice: string | null;
            inputSymbol: string | null;
            isDca: boolean;
            isTakeProfit: boolean;
            networkFeeSol: string | null;
            outputAmount: string | null;
            outputMint: string | null;
            outputPrice: string | null;
            outputSymbol: string | null;
            priceImpact: string | null;
            protocolFeeSol: string | null;
            routes: unknown | null;
            signalId: number | null;
            slippage: string | null;
            transactionHash: string | null;
            transactionTime: string;
            transactionType: string;
            transactionValueUsd: string;
            updatedAt: string;
            walletAddress: string | null;
        };
        TransactionType: "DEPOSIT" | "SWAP" | "BURN";
        UnassignIn: {
            confirm: true;
        };
        UnlockIn: {
            passphrase?: string | null;
            ttlSeconds?: number | null;
        };
        UnlockOut: {
            isUnlocked: boolean;
            success: boolean;
            unlockedUntil: string | null;
            walletAddress: string;
        };
        UpstreamBudgetOut: {
            left: number | null;
            limit: number;
            name: string;
            pausedSeconds: Decimal;
            waiting: number;
            windowSeconds: Decimal;
        };
        UserOut: {
            administrator: boolean;
            createdAt: string;
            email: string;
            id: string;
        };
        Verdict: "ok" | "warn" | "fail";
        WalletCreatedOut: {
            createdAt: string;
            isUnlocked: boolean;
            message: string;
            network: "testnet" | "mainnet";
            source: components["schemas"]["WalletSource"];
            success: boolean;
            walletAddress: string;
            walletType: components["schemas"]["TradingMode"];
        };
        WalletProtectionsOut: {
            blocked: boolean;
            code: string | null;
            gates: components["schemas"]["GateOut"][];
            reason: string | null;
            walletAddress: string;
            walletType: string;
        };
        WalletSource: "environment" | "encrypted" | "simulation";
        WalletsOut: {
            agentWallets: components["schemas"]["AgentWalletOut"][];
            availableWallets: components["schemas"]["LoadedWalletOut"][];
        };
        WarmedCountsOut: {
            balances: number;
            configs: number;
            positions: number;
        };
        WarmedOut: {
            duration: number;
            success: true;
            warmed: components["schemas"]["WarmedCountsOut"];
        };
        WebhookChangeIn: {
            enabled?: boolean | null;
            maps?: {
                [key: string]: {
                    [key: string]: string | number;
                };
            } | null;
            maxAgeSeconds?: number | null;
            name?: string | null;
            template?: {
                [key: string]: string;
            } | null;
        };
        WebhookIn: {
            enabled?: boolean | null;
            maps?: {
                [key: string]: {
                    [key: string]: string | number;
                };
            } | null;
            maxAgeSeconds?: number | null;
            name: string;
            template?: {
                [key: string]: string;
            } | null;
        };
        WebhookOut: {
            acceptedCount: number;
            createdAt: string;
            enabled: boolean;
            id: string;
            lastReceivedAt: string | null;
            maps: {
                [key: string]: {
                    [key: string]: string | number | Decimal;
                };
            };
            maxAgeSeconds: number;
            name: string;
            path: string;
            refusedCount: number;
            template: {
                [key: string]: string;
            };
            updatedAt: string;
        };
        WebhooksOut: {
            items: components["schemas"]["WebhookOut"][];
        };
        WebSessionOut: {
            accessToken: string;
            expiresIn: number;
            user: components["schemas"]["UserOut"];
        };
    };
    responses: never;
    parameters: never;
    requestBodies: never;
    headers: never;
    pathItems: never;
}
export type $defs = Record<string, never>;
export interface operations {
    "audit.audit_log.get": {
        parameters: {
            query?: {
                action?: string;
                address?: string;
                cursor?: string;
                from?: string;
                limit?: number;
                offset?: number;
                outcome?: string;
                target?: string;
                to?: string;
                userId?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    ETag?: string;
                    "RateLimit-Limit"?: number;
                    "RateLimit-Remaining"?: number;
                    "RateLimit-Reset"?: number;
                    "X-Request-Id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["AuditEntryOut"][];
                };
            };
        };
    };
    "admin.reset_cache_by_its_other_name.post": {
        parameters: {
            query?: never;
            header?: {
                "Idempotency-Key"?: string;
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["CacheResetIn"];
            };
        };
        responses: {
            200: {
                headers: {
                    "Idempotency-Replayed"?: "true";
                    "RateLimit-Limit"?: number;
                    "RateLimit-Remaining"?: number;
                    "RateLimit-Reset"?: number;
                    "X-Request-Id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["CacheResetOut"];
                };
            };
        };
    };
    "admin.clear_cache.post": {
        parameters: {
            query?: never;
            header?: {
                "Idempotency-Key"?: string;
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["ClearIn"];
            };
        };
        responses: {
            200: {
                headers: {
                    "Idempotency-Replayed"?: "true";
                    "RateLimit-Limit"?: number;
                    "RateLimit-Remaining"?: number;
                    "RateLimit-Reset"?: number;
                    "X-Request-Id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ClearedOut"];
                };
            };
        };
    };
    "admin.reset_cache.post": {
        parameters: {
            query?: never;
            header?: {
                "Idempotency-Key"?: string;
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["CacheResetIn"];
            };
        };
        responses: {
            200: {
                headers: {
                    "Idempotency-Replayed"?: "true";
                    "RateLimit-Limit"?: number;
                    "RateLimit-Remaining"?: number;
                    "RateLimit-Reset"?: number;
                    "X-Request-Id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["CacheResetOut"];
                };
            };
        };
    };
    "admin.cache_status.get": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    ETag?: string;
                    "RateLimit-Limit"?: number;
                    "RateLimit-Remaining"?: number;
                    "RateLimit-Reset"?: number;
                    "X-Request-Id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["CacheStatusOut"];
                };
            };
        };
    };
    "admin.warm_cache.post": {
        parameters: {
            query?: never;
            header?: {
                "Idempotency-Key"?: string;
            };
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    "Idempotency-Replayed"?: "true";
                    "RateLimit-Limit"?: number;
                    "RateLimit-Remaining"?: number;
                    "RateLimit-Reset"?: number;
                    "X-Request-Id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["WarmedOut"];
                };
            };
        };
    };
    "admin.log_level.get": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    ETag?: string;
                    "RateLimit-Limit"?: number;
                    "RateLimit-Remaining"?: number;
                    "RateLimit-Reset"?: number;
                    "X-Request-Id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["LogLevelOut"];
                };
            };
        };
    };
    "admin.change_log_level.put": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["LogLevelIn"];
            };
        };
        responses: {
            200: {
                headers: {
                    "RateLimit-Limit"?: number;
                    "RateLimit-Remaining"?: number;
                    "RateLimit-Reset"?: number;
                    "X-Request-Id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["LogLevelChangedOut"];
                };
            };
        };
    };
    "admin.system.get": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    ETag?: string;
                    "RateLimit-Limit"?: number;
                    "RateLimit-Remaining"?: number;
                    "RateLimit-Reset"?: number;
                    "X-Request-Id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["SystemOut"];
                };
            };
        };
    };
    "admin.list_users.get": {
        parameters: {
            query?: {
                cursor?: string;
                limit?: number;
                offset?: number;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    ETag?: string;
                    "RateLimit-Limit"?: number;
                    "RateLimit-Remaining"?: number;
                    "RateLimit-Reset"?: number;
                    "X-Request-Id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ManagedUserOut"][];
                };
            };
        };
    };
    "admin.create_user.post": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["NewUserIn"];
            };
        };
        responses: {
            201: {
                headers: {
                    "RateLimit-Limit"?: number;
                    "RateLimit-Remaining"?: number;
                    "RateLimit-Reset"?: number;
                    "X-Request-Id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["UserOut"];
                };
            };
        };
    };
    "admin.deactivate.post": {
        parameters: {
            query?: never;
            header?: {
                "Idempotency-Key"?: string;
            };
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    "Idempotency-Replayed"?: "true";
                    "RateLimit-Limit"?: number;
                    "RateLimit-Remaining"?: number;
                    "RateLimit-Reset"?: number;
                    "X-Request-Id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["DoneOut"];
                };
            };
        };
    };
    "admin.reset_password.post": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["NewPasswordIn"];
            };
        };
        responses: {
            200: {
                headers: {
                    "RateLimit-Limit"?: number;
                    "RateLimit-Remaining"?: number;
                    "RateLimit-Reset"?: number;
                    "X-Request-Id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["DoneOut"];
                };
            };
        };
    };
    "balances.list_balances.get": {
        parameters: {
            query: {
                agentId: string;
                held?: string;
                walletAddress?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    ETag?: string;
                    "RateLimit-Limit"?: number;
                    "RateLimit-Remaining"?: number;
                    "RateLimit-Reset"?: number;
                    "X-Request-Id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["BalanceOut"][];
                };
            };
        };
    };
    "balances.create_balance.post": {
        parameters: {
            query?: never;
            header?: {
                "Idempotency-Key"?: string;
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["BalanceIn"];
            };
        };
        responses: {
            201: {
                headers: {
                    "Idempotency-Replayed"?: "true";
                    "RateLimit-Limit"?: number;
                    "RateLimit-Remaining"?: number;
                    "RateLimit-Reset"?: number;
                    "X-Request-Id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["BalanceOut"];
                };
            };
        };
    };
    "balances.get_balance.get": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    ETag?: string;
                    "RateLimit-Limit"?: number;
                    "RateLimit-Remaining"?: number;
                    "RateLimit-Reset"?: number;
                    "X-Request-Id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["BalanceOut"];
                };
            };
        };
    };
    "balances.update_balance.put": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["BalanceChangesIn"];
            };
        };
        responses: {
            200: {
                headers: {
                    "RateLimit-Limit"?: number;
                    "RateLimit-Remaining"?: number;
                    "RateLimit-Reset"?: number;
                    "X-Request-Id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["BalanceOut"];
                };
            };
        };
    };
    "balances.delete_balance.delete": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    "RateLimit-Limit"?: number;
                    "RateLimit-Remaining"?: number;
                    "RateLimit-Reset"?: number;
                    "X-Request-Id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["DoneOut"];
                };
            };
        };
    };
    "historical_swaps.list_swaps.get": {
        parameters: {
            query: {
                agentId: string;
                cursor?: string;
                endPurchaseTime?: string;
                endSaleTime?: string;
                from?: string;
                limit?: number;
                maxProfitLossUsd?: Decimal;
                minProfitLossUsd?: Decimal;
                offset?: number;
                purchaseTransactionId?: string;
                saleTransactionId?: string;
                signalId?: number;
                startPurchaseTime?: string;
                startSaleTime?: string;
                to?: string;
                tokenAddress?: string;
                tokenSymbol?: string;
                walletAddress?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    ETag?: string;
                    "RateLimit-Limit"?: number;
                    "RateLimit-Remaining"?: number;
                    "RateLimit-Reset"?: number;
                    "X-Request-Id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["HistoricalSwapOut"][];
                };
            };
        };
    };
    "historical_swaps.create_swap.post": {
        parameters: {
            query?: never;
            header?: {
                "Idempotency-Key"?: string;
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["HistoricalSwapIn"];
            };
        };
        responses: {
            201: {
                headers: {
                    "Idempotency-Replayed"?: "true";
                    "RateLimit-Limit"?: number;
                    "RateLimit-Remaining"?: number;
                    "RateLimit-Reset"?: number;
                    "X-Request-Id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["HistoricalSwapOut"];
                };
            };
        };
    };
    "historical_swaps.get_swap.get": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    ETag?: string;
                    "RateLimit-Limit"?: number;
                    "RateLimit-Remaining"?: number;
                    "RateLimit-Reset"?: number;
                    "X-Request-Id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["HistoricalSwapOut"];
                };
            };
        };
    };
    "historical_swaps.update_swap.put": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: {
            content: {
                "application/json": components["schemas"]["HistoricalSwapChangesIn"];
            };
        };
        responses: {
            200: {
                headers: {
                    "RateLimit-Limit"?: number;
                    "RateLimit-Remaining"?: number;
                    "RateLimit-Reset"?: number;
                    "X-Request-Id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["HistoricalSwapOut"];
                };
            };
        };
    };
    "historical_swaps.delete_swap.delete": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            204: {
                headers: {
                    "RateLimit-Limit"?: number;
                    "RateLimit-Remaining"?: number;
                    "RateLimit-Reset"?: number;
                    "X-Request-Id"?: string;
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    "historical_swaps.export_swaps.get": {
        parameters: {
            query: {
                agentId: string;
                currency?: string;
                endPurchaseTime?: string;
                endSaleTime?: string;
                format?: string;
                from?: string;
                maxProfitLossUsd?: Decimal;
                minProfitLossUsd?: Decimal;
                purchaseTransactionId?: string;
                saleTransactionId?: string;
                signalId?: number;
                solPrice?: Decimal;
                startPurchaseTime?: string;
                startSaleTime?: string;
                timezone?: string;
                to?: string;
                tokenAddress?: string;
                tokenSymbol?: string;
                walletAddress?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    "RateLimit-Limit"?: number;
                    "RateLimit-Remaining"?: number;
                    "RateLimit-Reset"?: number;
                    "X-Request-Id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": Record<string, never>[];
                    "text/csv": string;
                };
            };
        };
    };
    "positions.list_positions.get": {
        parameters: {
            query?: {
                walletAddress?: string;
            };
            header?: never;
            path: {
                agentId: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    ETag?: string;
                    "RateLimit-Limit"?: number;
                    "RateLimit-Remaining"?: number;
                    "RateLimit-Reset"?: number;
                    "X-Request-Id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["PositionOut"][];
                };
            };
        };
    };
    "positions.close_position.post": {
        parameters: {
            query?: never;
            header?: {
                "Idempotency-Key"?: string;
            };
            path: {
                agentId: string;
                positionId: string;
            };
            cookie?: never;
        };
        requestBody?: {
            content: {
                "application/json": components["schemas"]["CloseIn"];
            };
        };
        responses: {
            200: {
                headers: {
                    "Idempotency-Replayed"?: "true";
                    "RateLimit-Limit"?: number;
                    "RateLimit-Remaining"?: number;
                    "RateLimit-Reset"?: number;
                    "X-Request-Id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ClosedOut"];
                };
            };
        };
    };
    "agents.get_take_profit_summary.get": {
        parameters: {
            query?: {
                includePositions?: string;
            };
            header?: never;
            path: {
                agentId: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    ETag?: string;
                    "RateLimit-Limit"?: number;
                    "RateLimit-Remaining"?: number;
                    "RateLimit-Reset"?: number;
                    "X-Request-Id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["TakeProfitSummaryOut"];
                };
            };
        };
    };
    "transactions.list_transactions.get": {
        parameters: {
            query: {
                agentId: string;
                cursor?: string;
                endTime?: string;
                from?: string;
                isDca?: string;
                isTakeProfit?: string;
                limit?: number;
                offset?: number;
                signalId?: number;
                startTime?: string;
                to?: string;
                transactionType?: "DEPOSIT" | "SWAP" | "BURN";
                walletAddress?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    ETag?: string;
                    "RateLimit-Limit"?: number;
                    "RateLimit-Remaining"?: number;
                    "RateLimit-Reset"?: number;
                    "X-Request-Id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["TransactionOut"][];
                };
            };
        };
    };
    "transactions.create_transaction.post": {
        parameters: {
            query?: never;
            header?: {
                "Idempotency-Key"?: string;
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["TransactionIn"];
            };
        };
        responses: {
            201: {
                headers: {
                    "Idempotency-Replayed"?: "true";
                    "RateLimit-Limit"?: number;
                    "RateLimit-Remaining"?: number;
                    "RateLimit-Reset"?: number;
                    "X-Request-Id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["TransactionOut"];
                };
            };
        };
    };
    "transactions.get_transaction.get": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    ETag?: string;
                    "RateLimit-Limit"?: number;
                    "RateLimit-Remaining"?: number;
                    "RateLimit-Reset"?: number;
                    "X-Request-Id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["TransactionOut"];
                };
            };
        };
    };
    "transactions.update_transaction.put": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: {
            content: {
                "application/json": components["schemas"]["TransactionChangesIn"];
            };
        };
        responses: {
            200: {
                headers: {
                    "RateLimit-Limit"?: number;
                    "RateLimit-Remaining"?: number;
                    "RateLimit-Reset"?: number;
                    "X-Request-Id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["TransactionOut"];
                };
            };
        };
    };
    "transactions.delete_transaction.delete": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            204: {
                headers: {
                    "RateLimit-Limit"?: number;
                    "RateLimit-Remaining"?: number;
                    "RateLimit-Reset"?: number;
                    "X-Request-Id"?: string;
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    "transactions.export_transactions.get": {
        parameters: {
            query: {
                agentId: string;
                endTime?: string;
                format?: string;
                from?: string;
                isDca?: string;
                isTakeProfit?: string;
                signalId?: number;
                startTime?: string;
                timezone?: string;
                to?: string;
                transactionType?: "DEPOSIT" | "SWAP" | "BURN";
                walletAddress?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    "RateLimit-Limit"?: number;
                    "RateLimit-Remaining"?: number;
                    "RateLimit-Reset"?: number;
                    "X-Request-Id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": Record<string, never>[];
                    "text/csv": string;
                };
            };
        };
    };
    "agents.list_agents.get": {
        parameters: {
            query?: {
                deleted?: boolean;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    ETag?: string;
                    "RateLimit-Limit"?: number;
                    "RateLimit-Remaining"?: number;
                    "RateLimit-Reset"?: number;
                    "X-Request-Id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["AgentOut"][];
                };
            };
        };
    };
    "agents.create_agent.post": {
        parameters: {
            query?: never;
            header?: {
                "Idempotency-Key"?: string;
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["AgentIn"];
            };
        };
        responses: {
            201: {
                headers: {
                    "Idempotency-Replayed"?: "true";
                    "RateLimit-Limit"?: number;
                    "RateLimit-Remaining"?: number;
                    "RateLimit-Reset"?: number;
                    "X-Request-Id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["AgentOut"];
                };
            };
        };
    };
    "agents.get_agent.get": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    ETag?: string;
                    "RateLimit-Limit"?: number;
                    "RateLimit-Remaining"?: number;
                    "RateLimit-Reset"?: number;
                    "X-Request-Id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["AgentOut"];
                };
            };
        };
    };
    "agents.update_agent.put": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: {
            content: {
                "application/json": components["schemas"]["AgentChangesIn"];
            };
        };
        responses: {
            200: {
                headers: {
                    "RateLimit-Limit"?: number;
                    "RateLimit-Remaining"?: number;
                    "RateLimit-Reset"?: number;
                    "X-Request-Id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["AgentOut"];
                };
            };
        };
    };
    "agents.delete_agent.delete": {
        parameters: {
            query?: {
                confirm?: boolean;
            };
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    "RateLimit-Limit"?: number;
                    "RateLimit-Remaining"?: number;
                    "RateLimit-Reset"?: number;
                    "X-Request-Id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["AgentDeletedOut"];
                };
            };
        };
    };
    "agents.get_balance_history.get": {
        parameters: {
            query: {
                timeframe?: "all" | "24h";
                walletAddress: string;
            };
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    ETag?: string;
                    "RateLimit-Limit"?: number;
                    "RateLimit-Remaining"?: number;
                    "RateLimit-Reset"?: number;
                    "X-Request-Id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["BalanceHistoryOut"];
                };
            };
        };
    };
    "agents.get_config.get": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    ETag?: string;
                    "RateLimit-Limit"?: number;
                    "RateLimit-Remaining"?: number;
                    "RateLimit-Reset"?: number;
                    "X-Request-Id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ConfigOut"];
                };
            };
        };
    };
    "agents.update_config.put": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["ConfigIn"];
            };
        };
        responses: {
            200: {
                headers: {
                    "RateLimit-Limit"?: number;
                    "RateLimit-Remaining"?: number;
                    "RateLimit-Reset"?: number;
                    "X-Request-Id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ConfigOut"];
                };
            };
        };
    };
    "agents.update_config.patch": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["ConfigIn"];
            };
        };
        responses: {
            200: {
                headers: {
                    "RateLimit-Limit"?: number;
                    "RateLimit-Remaining"?: number;
                    "RateLimit-Reset"?: number;
                    "X-Request-Id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ConfigOut"];
                };
            };
        };
    };
    "agents.config_history.get": {
        parameters: {
            query?: {
                cursor?: string;
                limit?: number;
                offset?: number;
            };
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    ETag?: string;
                    "RateLimit-Limit"?: number;
                    "RateLimit-Remaining"?: number;
                    "RateLimit-Reset"?: number;
                    "X-Request-Id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ConfigVersionOut"][];
                };
            };
        };
    };
    "agents.live_check.get": {
        parameters: {
            query?: {
                capSol?: Decimal;
                minimumSol?: Decimal;
                token?: string;
            };
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    ETag?: string;
                    "RateLimit-Limit"?: number;
                    "RateLimit-Remaining"?: number;
                    "RateLimit-Reset"?: number;
                    "X-Request-Id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["LiveCheckOut"];
                };
            };
        };
    };
    "agents.get_performance.get": {
        parameters: {
            query?: {
                timeframe?: "all" | "24h";
                walletAddress?: string;
            };
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    ETag?: string;
                    "RateLimit-Limit"?: number;
                    "RateLimit-Remaining"?: number;
                    "RateLimit-Reset"?: number;
                    "X-Request-Id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["PerformanceOut"];
                };
            };
        };
    };
    "agents.list_positions.get": {
        parameters: {
            query?: {
                walletAddress?: string;
            };
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    ETag?: string;
                    "RateLimit-Limit"?: number;
                    "RateLimit-Remaining"?: number;
                    "RateLimit-Reset"?: number;
                    "X-Request-Id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["PositionOut"][];
                };
            };
        };
    };
    "positions.close_position_of_agent.post": {
        parameters: {
            query?: never;
            header?: {
                "Idempotency-Key"?: string;
            };
            path: {
                id: string;
                positionId: string;
            };
            cookie?: never;
        };
        requestBody?: {
            content: {
                "application/json": components["schemas"]["CloseIn"];
            };
        };
        responses: {
            200: {
                headers: {
                    "Idempotency-Replayed"?: "true";
                    "RateLimit-Limit"?: number;
                    "RateLimit-Remaining"?: number;
                    "RateLimit-Reset"?: number;
                    "X-Request-Id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ClosedOut"];
                };
            };
        };
    };
    "positions.preview_sale.post": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: string;
                positionId: string;
            };
            cookie?: never;
        };
        requestBody?: {
            content: {
                "application/json": components["schemas"]["SalePreviewIn"];
            };
        };
        responses: {
            200: {
                headers: {
                    "RateLimit-Limit"?: number;
                    "RateLimit-Remaining"?: number;
                    "RateLimit-Reset"?: number;
                    "X-Request-Id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["SalePreviewOut"];
                };
            };
        };
    };
    "positions.sell_part_of_position.post": {
        parameters: {
            query?: never;
            header?: {
                "Idempotency-Key"?: string;
            };
            path: {
                id: string;
                positionId: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["SellPartIn"];
            };
        };
        responses: {
            200: {
                headers: {
                    "Idempotency-Replayed"?: "true";
                    "RateLimit-Limit"?: number;
                    "RateLimit-Remaining"?: number;
                    "RateLimit-Reset"?: number;
                    "X-Request-Id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["SoldPartOut"];
                };
            };
        };
    };
    "protections.get_protections.get": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    ETag?: string;
                    "RateLimit-Limit"?: number;
                    "RateLimit-Remaining"?: number;
                    "RateLimit-Reset"?: number;
                    "X-Request-Id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ProtectionsOut"];
                };
            };
        };
    };
    "protections.reset_protections.post": {
        parameters: {
            query?: never;
            header?: {
                "Idempotency-Key"?: string;
            };
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    "Idempotency-Replayed"?: "true";
                    "RateLimit-Limit"?: number;
                    "RateLimit-Remaining"?: number;
                    "RateLimit-Reset"?: number;
                    "X-Request-Id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ProtectionsResetOut"];
                };
            };
        };
    };
    "agents.get_shadow.get": {
        parameters: {
            query?: {
                days?: number;
            };
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    ETag?: string;
                    "RateLimit-Limit"?: number;
                    "RateLimit-Remaining"?: number;
                    "RateLimit-Reset"?: number;
                    "X-Request-Id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ShadowOut"];
                };
            };
        };
    };
    "api-keys.list_api_keys.get": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    ETag?: string;
                    "RateLimit-Limit"?: number;
                    "RateLimit-Remaining"?: number;
                    "RateLimit-Reset"?: number;
                    "X-Request-Id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ApiKeysOut"];
                };
            };
        };
    };
    "api-keys.create_api_key.post": {
        parameters: {
            query?: never;
            header?: {
                "Idempotency-Key"?: string;
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["ApiKeyIn"];
            };
        };
        responses: {
            201: {
                headers: {
                    "Idempotency-Replayed"?: "true";
                    "RateLimit-Limit"?: number;
                    "RateLimit-Remaining"?: number;
                    "RateLimit-Reset"?: number;
                    "X-Request-Id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["NewApiKeyOut"];
                };
            };
        };
    };
    "api-keys.get_api_key.get": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    ETag?: string;
                    "RateLimit-Limit"?: number;
                    "RateLimit-Remaining"?: number;
                    "RateLimit-Reset"?: number;
                    "X-Request-Id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ApiKeyOut"];
                };
            };
        };
    };
    "api-keys.delete_api_key.delete": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    "RateLimit-Limit"?: number;
                    "RateLimit-Remaining"?: number;
                    "RateLimit-Reset"?: number;
                    "X-Request-Id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["DoneOut"];
                };
            };
        };
    };
    "audit.own_audit_log.get": {
        parameters: {
            query?: {
                action?: string;
                address?: string;
                cursor?: string;
                from?: string;
                limit?: number;
                offset?: number;
                outcome?: string;
                target?: string;
                to?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    ETag?: string;
                    "RateLimit-Limit"?: number;
                    "RateLimit-Remaining"?: number;
                    "RateLimit-Reset"?: number;
                    "X-Request-Id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["AuditEntryOut"][];
                };
            };
        };
    };
    "auth.change_password.post": {
        parameters: {
            query?: never;
            header?: {
                "Idempotency-Key"?: string;
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["ChangePasswordIn"];
            };
        };
        responses: {
            200: {
                headers: {
                    "Idempotency-Replayed"?: "true";
                    "RateLimit-Limit"?: number;
                    "RateLimit-Remaining"?: number;
                    "RateLimit-Reset"?: number;
                    "X-Request-Id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["SessionOut"];
                };
            };
        };
    };
    "auth.log_in.post": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["LoginIn"];
            };
        };
        responses: {
            200: {
                headers: {
                    "RateLimit-Limit"?: number;
                    "RateLimit-Remaining"?: number;
                    "RateLimit-Reset"?: number;
                    "X-Request-Id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["SessionOut"];
                };
            };
        };
    };
    "auth.log_out.post": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: {
            content: {
                "application/json": components["schemas"]["LogoutIn"];
            };
        };
        responses: {
            200: {
                headers: {
                    "RateLimit-Limit"?: number;
                    "RateLimit-Remaining"?: number;
                    "RateLimit-Reset"?: number;
                    "X-Request-Id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["DoneOut"];
                };
            };
        };
    };
    "auth.me.get": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    ETag?: string;
                    "RateLimit-Limit"?: number;
                    "RateLimit-Remaining"?: number;
                    "RateLimit-Reset"?: number;
                    "X-Request-Id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["UserOut"];
                };
            };
        };
    };
    "auth.refresh.post": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["RefreshIn"];
            };
        };
        responses: {
            200: {
                headers: {
                    "RateLimit-Limit"?: number;
                    "RateLimit-Remaining"?: number;
                    "RateLimit-Reset"?: number;
                    "X-Request-Id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["AccessTokenOut"];
                };
            };
        };
    };
    "auth.register.post": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["RegisterIn"];
            };
        };
        responses: {
            201: {
                headers: {
                    "RateLimit-Limit"?: number;
                    "RateLimit-Remaining"?: number;
                    "RateLimit-Reset"?: number;
                    "X-Request-Id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["SessionOut"];
                };
            };
        };
    };
    "auth.list_sessions.get": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    ETag?: string;
                    "RateLimit-Limit"?: number;
                    "RateLimit-Remaining"?: number;
                    "RateLimit-Reset"?: number;
                    "X-Request-Id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["SessionsOut"];
                };
            };
        };
    };
    "auth.end_other_sessions.delete": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    "RateLimit-Limit"?: number;
                    "RateLimit-Remaining"?: number;
                    "RateLimit-Reset"?: number;
                    "X-Request-Id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["EndedOut"];
                };
            };
        };
    };
    "auth.end_session.delete": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    "RateLimit-Limit"?: number;
                    "RateLimit-Remaining"?: number;
                    "RateLimit-Reset"?: number;
                    "X-Request-Id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["DoneOut"];
                };
            };
        };
    };
    "data_sources.status.get": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    ETag?: string;
                    "RateLimit-Limit"?: number;
                    "RateLimit-Remaining"?: number;
                    "RateLimit-Reset"?: number;
                    "X-Request-Id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["DataSourcesOut"];
                };
            };
        };
    };
    "health.health.get": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    "X-Request-Id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["HealthOut"];
                };
            };
        };
    };
    "health.live.get": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    "X-Request-Id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["LiveOut"];
                };
            };
        };
    };
    "health.ready.get": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    "X-Request-Id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ReadyOut"];
                };
            };
        };
    };
    "metrics.metrics.get": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    "X-Request-Id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "text/plain": string;
                };
            };
        };
    };
    "notifications.list_deliveries.get": {
        parameters: {
            query?: {
                cursor?: string;
                limit?: number;
                offset?: number;
                targetId?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    ETag?: string;
                    "RateLimit-Limit"?: number;
                    "RateLimit-Remaining"?: number;
                    "RateLimit-Reset"?: number;
                    "X-Request-Id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["DeliveryOut"][];
                };
            };
        };
    };
    "notifications.list_targets.get": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    ETag?: string;
                    "RateLimit-Limit"?: number;
                    "RateLimit-Remaining"?: number;
                    "RateLimit-Reset"?: number;
                    "X-Request-Id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["TargetsOut"];
                };
            };
        };
    };
    "notifications.create_target.post": {
        parameters: {
            query?: never;
            header?: {
                "Idempotency-Key"?: string;
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["TargetIn"];
            };
        };
        responses: {
            201: {
                headers: {
                    "Idempotency-Replayed"?: "true";
                    "RateLimit-Limit"?: number;
                    "RateLimit-Remaining"?: number;
                    "RateLimit-Reset"?: number;
                    "X-Request-Id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["NewTargetOut"];
                };
            };
        };
    };
    "notifications.get_target.get": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    ETag?: string;
                    "RateLimit-Limit"?: number;
                    "RateLimit-Remaining"?: number;
                    "RateLimit-Reset"?: number;
                    "X-Request-Id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["TargetOut"];
                };
            };
        };
    };
    "notifications.change_target.put": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: {
            content: {
                "application/json": components["schemas"]["TargetChangeIn"];
            };
        };
        responses: {
            200: {
                headers: {
                    "RateLimit-Limit"?: number;
                    "RateLimit-Remaining"?: number;
                    "RateLimit-Reset"?: number;
                    "X-Request-Id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["TargetOut"];
                };
            };
        };
    };
    "notifications.delete_target.delete": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    "RateLimit-Limit"?: number;
                    "RateLimit-Remaining"?: number;
                    "RateLimit-Reset"?: number;
                    "X-Request-Id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["DoneOut"];
                };
            };
        };
    };
    "notifications.test_target.post": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    "RateLimit-Limit"?: number;
                    "RateLimit-Remaining"?: number;
                    "RateLimit-Reset"?: number;
                    "X-Request-Id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["DoneOut"];
                };
            };
        };
    };
    "overview.overview.get": {
        parameters: {
            query?: {
                mode?: string;
                timezone?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    ETag?: string;
                    "RateLimit-Limit"?: number;
                    "RateLimit-Remaining"?: number;
                    "RateLimit-Reset"?: number;
                    "X-Request-Id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["OverviewOut"];
                };
            };
        };
    };
    "overview.attention.get": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    ETag?: string;
                    "RateLimit-Limit"?: number;
                    "RateLimit-Remaining"?: number;
                    "RateLimit-Reset"?: number;
                    "X-Request-Id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["NoticesOut"];
                };
            };
        };
    };
    "overview.equity.get": {
        parameters: {
            query?: {
                mode?: string;
                timeframe?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    ETag?: string;
                    "RateLimit-Limit"?: number;
                    "RateLimit-Remaining"?: number;
                    "RateLimit-Reset"?: number;
                    "X-Request-Id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["EquityOut"];
                };
            };
        };
    };
    "price_feeds.sol_price.get": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    ETag?: string;
                    "RateLimit-Limit"?: number;
                    "RateLimit-Remaining"?: number;
                    "RateLimit-Reset"?: number;
                    "X-Request-Id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["SolPriceOut"];
                };
            };
        };
    };
    "price_history.price_history.get": {
        parameters: {
            query?: {
                from?: string;
                limit?: number;
                resolution?: string;
                sources?: string;
                to?: string;
            };
            header?: never;
            path: {
                mint: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    ETag?: string;
                    "RateLimit-Limit"?: number;
                    "RateLimit-Remaining"?: number;
                    "RateLimit-Reset"?: number;
                    "X-Request-Id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["PriceHistoryOut"];
                };
            };
        };
    };
    "protections.get_kill_switch.get": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    ETag?: string;
                    "RateLimit-Limit"?: number;
                    "RateLimit-Remaining"?: number;
                    "RateLimit-Reset"?: number;
                    "X-Request-Id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["KillSwitchesOut"];
                };
            };
        };
    };
    "protections.set_kill_switch.put": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["KillSwitchIn"];
            };
        };
        responses: {
            200: {
                headers: {
                    "RateLimit-Limit"?: number;
                    "RateLimit-Remaining"?: number;
                    "RateLimit-Reset"?: number;
                    "X-Request-Id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["KillSwitchesOut"];
                };
            };
        };
    };
    "protections.get_panic.get": {
        parameters: {
            query?: {
                scope?: "user" | "system";
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    ETag?: string;
                    "RateLimit-Limit"?: number;
                    "RateLimit-Remaining"?: number;
                    "RateLimit-Reset"?: number;
                    "X-Request-Id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["PanicOut"];
                };
            };
        };
    };
    "protections.panic.post": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: {
            content: {
                "application/json": components["schemas"]["PanicIn"];
            };
        };
        responses: {
            200: {
                headers: {
                    "RateLimit-Limit"?: number;
                    "RateLimit-Remaining"?: number;
                    "RateLimit-Reset"?: number;
                    "X-Request-Id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["PanicOut"];
                };
            };
        };
    };
    "signal_webhooks.list_webhooks.get": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    ETag?: string;
                    "RateLimit-Limit"?: number;
                    "RateLimit-Remaining"?: number;
                    "RateLimit-Reset"?: number;
                    "X-Request-Id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["WebhooksOut"];
                };
            };
        };
    };
    "signal_webhooks.create_webhook.post": {
        parameters: {
            query?: never;
            header?: {
                "Idempotency-Key"?: string;
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["WebhookIn"];
            };
        };
        responses: {
            201: {
                headers: {
                    "Idempotency-Replayed"?: "true";
                    "RateLimit-Limit"?: number;
                    "RateLimit-Remaining"?: number;
                    "RateLimit-Reset"?: number;
                    "X-Request-Id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["NewWebhookOut"];
                };
            };
        };
    };
    "signal_webhooks.get_webhook.get": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    ETag?: string;
                    "RateLimit-Limit"?: number;
                    "RateLimit-Remaining"?: number;
                    "RateLimit-Reset"?: number;
                    "X-Request-Id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["WebhookOut"];
                };
            };
        };
    };
    "signal_webhooks.change_webhook.put": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: {
            content: {
                "application/json": components["schemas"]["WebhookChangeIn"];
            };
        };
        responses: {
            200: {
                headers: {
                    "RateLimit-Limit"?: number;
                    "RateLimit-Remaining"?: number;
                    "RateLimit-Reset"?: number;
                    "X-Request-Id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["WebhookOut"];
                };
            };
        };
    };
    "signal_webhooks.delete_webhook.delete": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    "RateLimit-Limit"?: number;
                    "RateLimit-Remaining"?: number;
                    "RateLimit-Reset"?: number;
                    "X-Request-Id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["DoneOut"];
                };
            };
        };
    };
    "signal_webhooks.take_alert.post": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            201: {
                headers: {
                    "RateLimit-Limit"?: number;
                    "RateLimit-Remaining"?: number;
                    "RateLimit-Reset"?: number;
                    "X-Request-Id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["SignalOut"];
                };
            };
        };
    };
    "signal_webhooks.rotate_secret.post": {
        parameters: {
            query?: never;
            header?: {
                "Idempotency-Key"?: string;
            };
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    "Idempotency-Replayed"?: "true";
                    "RateLimit-Limit"?: number;
                    "RateLimit-Remaining"?: number;
                    "RateLimit-Reset"?: number;
                    "X-Request-Id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["NewWebhookOut"];
                };
            };
        };
    };
    "signal_webhooks.test_webhook.post": {
        parameters: {
            query?: never;
            header?: {
                "Idempotency-Key"?: string;
            };
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["AlertIn"];
            };
        };
        responses: {
            200: {
                headers: {
                    "Idempotency-Replayed"?: "true";
                    "RateLimit-Limit"?: number;
                    "RateLimit-Remaining"?: number;
                    "RateLimit-Reset"?: number;
                    "X-Request-Id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["TestOut"];
                };
            };
        };
    };
    "trades.execute_trade.post": {
        parameters: {
            query?: never;
            header?: {
                "Idempotency-Key"?: string;
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["TradeIn"];
            };
        };
        responses: {
            200: {
                headers: {
                    "Idempotency-Replayed"?: "true";
                    "RateLimit-Limit"?: number;
                    "RateLimit-Remaining"?: number;
                    "RateLimit-Reset"?: number;
                    "X-Request-Id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["TradeOut"];
                };
            };
        };
    };
    "trades.preview_trade.post": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["TradeIn"];
            };
        };
        responses: {
            200: {
                headers: {
                    "RateLimit-Limit"?: number;
                    "RateLimit-Remaining"?: number;
                    "RateLimit-Reset"?: number;
                    "X-Request-Id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["TradePreviewOut"];
                };
            };
        };
    };
    "signals.list_signals.get": {
        parameters: {
            query?: {
                cursor?: string;
                endDate?: string;
                from?: string;
                limit?: number;
                offset?: number;
                signalType?: string;
                startDate?: string;
                to?: string;
                tokenAddress?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    ETag?: string;
                    "RateLimit-Limit"?: number;
                    "RateLimit-Remaining"?: number;
                    "RateLimit-Reset"?: number;
                    "X-Request-Id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["SignalOut"][];
                };
            };
        };
    };
    "signals.create_signal.post": {
        parameters: {
            query?: never;
            header?: {
                "Idempotency-Key"?: string;
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["SignalIn"];
            };
        };
        responses: {
            201: {
                headers: {
                    "Idempotency-Replayed"?: "true";
                    "RateLimit-Limit"?: number;
                    "RateLimit-Remaining"?: number;
                    "RateLimit-Reset"?: number;
                    "X-Request-Id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["SignalOut"];
                };
            };
        };
    };
    "signals.get_signal.get": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: number;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    ETag?: string;
                    "RateLimit-Limit"?: number;
                    "RateLimit-Remaining"?: number;
                    "RateLimit-Reset"?: number;
                    "X-Request-Id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["SignalOut"];
                };
            };
        };
    };
    "signals.update_signal.put": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: number;
            };
            cookie?: never;
        };
        requestBody?: {
            content: {
                "application/json": components["schemas"]["SignalChangesIn"];
            };
        };
        responses: {
            200: {
                headers: {
                    "RateLimit-Limit"?: number;
                    "RateLimit-Remaining"?: number;
                    "RateLimit-Reset"?: number;
                    "X-Request-Id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["SignalOut"];
                };
            };
        };
    };
    "signals.delete_signal.delete": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: number;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            204: {
                headers: {
                    "RateLimit-Limit"?: number;
                    "RateLimit-Remaining"?: number;
                    "RateLimit-Reset"?: number;
                    "X-Request-Id"?: string;
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    "signals.list_decisions.get": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: number;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    ETag?: string;
                    "RateLimit-Limit"?: number;
                    "RateLimit-Remaining"?: number;
                    "RateLimit-Reset"?: number;
                    "X-Request-Id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["DecisionsOut"];
                };
            };
        };
    };
    "signals.delete_all_signals.delete": {
        parameters: {
            query: {
                confirm: "true";
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    "RateLimit-Limit"?: number;
                    "RateLimit-Remaining"?: number;
                    "RateLimit-Reset"?: number;
                    "X-Request-Id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["SignalsDeletedOut"];
                };
            };
        };
    };
    "signals.export_signals.get": {
        parameters: {
            query?: {
                endDate?: string;
                format?: string;
                from?: string;
                signalType?: string;
                startDate?: string;
                timezone?: string;
                to?: string;
                tokenAddress?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    "RateLimit-Limit"?: number;
                    "RateLimit-Remaining"?: number;
                    "RateLimit-Reset"?: number;
                    "X-Request-Id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": Record<string, never>[];
                    "text/csv": string;
                };
            };
        };
    };
    "signal_webhooks.test_signal.post": {
        parameters: {
            query?: never;
            header?: {
                "Idempotency-Key"?: string;
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["SignalIn"];
            };
        };
        responses: {
            200: {
                headers: {
                    "Idempotency-Replayed"?: "true";
                    "RateLimit-Limit"?: number;
                    "RateLimit-Remaining"?: number;
                    "RateLimit-Reset"?: number;
                    "X-Request-Id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["TestOut"];
                };
            };
        };
    };
    "wallets.list_own_wallets.get": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    ETag?: string;
                    "RateLimit-Limit"?: number;
                    "RateLimit-Remaining"?: number;
                    "RateLimit-Reset"?: number;
                    "X-Request-Id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["OwnWalletsOut"];
                };
            };
        };
    };
    "wallets.create_wallet.post": {
        parameters: {
            query?: never;
            header?: {
                "Idempotency-Key"?: string;
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["CreateWalletIn"];
            };
        };
        responses: {
            201: {
                headers: {
                    "Idempotency-Replayed"?: "true";
                    "RateLimit-Limit"?: number;
                    "RateLimit-Remaining"?: number;
                    "RateLimit-Reset"?: number;
                    "X-Request-Id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["WalletCreatedOut"];
                };
            };
        };
    };
    "wallets.delete_wallet.delete": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                walletAddress: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["DeleteWalletIn"];
            };
        };
        responses: {
            200: {
                headers: {
                    "RateLimit-Limit"?: number;
                    "RateLimit-Remaining"?: number;
                    "RateLimit-Reset"?: number;
                    "X-Request-Id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ResetOut"];
                };
            };
        };
    };
    "wallets.adopt.post": {
        parameters: {
            query?: never;
            header?: {
                "Idempotency-Key"?: string;
            };
            path: {
                walletAddress: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["AdoptIn"];
            };
        };
        responses: {
            200: {
                headers: {
                    "Idempotency-Replayed"?: "true";
                    "RateLimit-Limit"?: number;
                    "RateLimit-Remaining"?: number;
                    "RateLimit-Reset"?: number;
                    "X-Request-Id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["AdoptedOut"];
                };
            };
        };
    };
    "wallets.check_deposits.post": {
        parameters: {
            query?: never;
            header?: {
                "Idempotency-Key"?: string;
            };
            path: {
                walletAddress: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["CheckDepositsIn"];
            };
        };
        responses: {
            200: {
                headers: {
                    "Idempotency-Replayed"?: "true";
                    "RateLimit-Limit"?: number;
                    "RateLimit-Remaining"?: number;
                    "RateLimit-Reset"?: number;
                    "X-Request-Id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["CheckDepositsOut"];
                };
            };
        };
    };
    "wallets.export_wallet.post": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                walletAddress: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["ExportIn"];
            };
        };
        responses: {
            200: {
                headers: {
                    "RateLimit-Limit"?: number;
                    "RateLimit-Remaining"?: number;
                    "RateLimit-Reset"?: number;
                    "X-Request-Id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ExportOut"];
                };
            };
        };
    };
    "wallets.ignore.post": {
        parameters: {
            query?: never;
            header?: {
                "Idempotency-Key"?: string;
            };
            path: {
                walletAddress: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["IgnoreIn"];
            };
        };
        responses: {
            200: {
                headers: {
                    "Idempotency-Replayed"?: "true";
                    "RateLimit-Limit"?: number;
                    "RateLimit-Remaining"?: number;
                    "RateLimit-Reset"?: number;
                    "X-Request-Id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["DoneOut"];
                };
            };
        };
    };
    "wallets.lock_wallet.post": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                walletAddress: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    "RateLimit-Limit"?: number;
                    "RateLimit-Remaining"?: number;
                    "RateLimit-Reset"?: number;
                    "X-Request-Id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["LockOut"];
                };
            };
        };
    };
    "wallets.reconcile.post": {
        parameters: {
            query?: never;
            header?: {
                "Idempotency-Key"?: string;
            };
            path: {
                walletAddress: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    "Idempotency-Replayed"?: "true";
                    "RateLimit-Limit"?: number;
                    "RateLimit-Remaining"?: number;
                    "RateLimit-Reset"?: number;
                    "X-Request-Id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ReconciledOut"];
                };
            };
        };
    };
    "wallets.show_reconciliation.get": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                walletAddress: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    ETag?: string;
                    "RateLimit-Limit"?: number;
                    "RateLimit-Remaining"?: number;
                    "RateLimit-Reset"?: number;
                    "X-Request-Id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["nexgent__api__v1__reconciliation__schemas__ReconciliationOut"];
                };
            };
        };
    };
    "wallets.show_rent.get": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                walletAddress: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    ETag?: string;
                    "RateLimit-Limit"?: number;
                    "RateLimit-Remaining"?: number;
                    "RateLimit-Reset"?: number;
                    "X-Request-Id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["RentOut"];
                };
            };
        };
    };
    "wallets.reclaim_rent.post": {
        parameters: {
            query?: never;
            header?: {
                "Idempotency-Key"?: string;
            };
            path: {
                walletAddress: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    "Idempotency-Replayed"?: "true";
                    "RateLimit-Limit"?: number;
                    "RateLimit-Remaining"?: number;
                    "RateLimit-Reset"?: number;
                    "X-Request-Id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ReclaimedOut"];
                };
            };
        };
    };
    "wallets.reset_wallet.post": {
        parameters: {
            query?: never;
            header?: {
                "Idempotency-Key"?: string;
            };
            path: {
                walletAddress: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["ResetIn"];
            };
        };
        responses: {
            200: {
                headers: {
                    "Idempotency-Replayed"?: "true";
                    "RateLimit-Limit"?: number;
                    "RateLimit-Remaining"?: number;
                    "RateLimit-Reset"?: number;
                    "X-Request-Id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ResetOut"];
                };
            };
        };
    };
    "wallets.wallet_status.get": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                walletAddress: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    ETag?: string;
                    "RateLimit-Limit"?: number;
                    "RateLimit-Remaining"?: number;
                    "RateLimit-Reset"?: number;
                    "X-Request-Id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["OwnWalletOut"];
                };
            };
        };
    };
    "wallets.unassign_wallet.post": {
        parameters: {
            query?: never;
            header?: {
                "Idempotency-Key"?: string;
            };
            path: {
                walletAddress: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["UnassignIn"];
            };
        };
        responses: {
            200: {
                headers: {
                    "Idempotency-Replayed"?: "true";
                    "RateLimit-Limit"?: number;
                    "RateLimit-Remaining"?: number;
                    "RateLimit-Reset"?: number;
                    "X-Request-Id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ResetOut"];
                };
            };
        };
    };
    "wallets.unlock_wallet.post": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                walletAddress: string;
            };
            cookie?: never;
        };
        requestBody?: {
            content: {
                "application/json": components["schemas"]["UnlockIn"];
            };
        };
        responses: {
            200: {
                headers: {
                    "RateLimit-Limit"?: number;
                    "RateLimit-Remaining"?: number;
                    "RateLimit-Reset"?: number;
                    "X-Request-Id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["UnlockOut"];
                };
            };
        };
    };
    "wallets.list_wallets.get": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                agentId: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    ETag?: string;
                    "RateLimit-Limit"?: number;
                    "RateLimit-Remaining"?: number;
                    "RateLimit-Reset"?: number;
                    "X-Request-Id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["WalletsOut"];
                };
            };
        };
    };
    "wallets.assign_wallet.post": {
        parameters: {
            query?: never;
            header?: {
                "Idempotency-Key"?: string;
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["AssignIn"];
            };
        };
        responses: {
            200: {
                headers: {
                    "Idempotency-Replayed"?: "true";
                    "RateLimit-Limit"?: number;
                    "RateLimit-Remaining"?: number;
                    "RateLimit-Reset"?: number;
                    "X-Request-Id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["AssignOut"];
                };
            };
            201: {
                headers: {
                    "Idempotency-Replayed"?: "true";
                    "RateLimit-Limit"?: number;
                    "RateLimit-Remaining"?: number;
                    "RateLimit-Reset"?: number;
                    "X-Request-Id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["AssignOut"];
                };
            };
        };
    };
    "dashboard.use_link.post": {
        parameters: {
            query?: never;
            header?: {
                "X-Nexgent-Web"?: string;
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["LinkIn"];
            };
        };
        responses: {
            200: {
                headers: {
                    "RateLimit-Limit"?: number;
                    "RateLimit-Remaining"?: number;
                    "RateLimit-Reset"?: number;
                    "X-Request-Id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["WebSessionOut"];
                };
            };
        };
    };
    "dashboard.make_link.post": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    "RateLimit-Limit"?: number;
                    "RateLimit-Remaining"?: number;
                    "RateLimit-Reset"?: number;
                    "X-Request-Id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["LinkOut"];
                };
            };
        };
    };
    "dashboard.log_in.post": {
        parameters: {
            query?: never;
            header?: {
                "X-Nexgent-Web"?: string;
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["LoginIn"];
            };
        };
        responses: {
            200: {
                headers: {
                    "RateLimit-Limit"?: number;
                    "RateLimit-Remaining"?: number;
                    "RateLimit-Reset"?: number;
                    "X-Request-Id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["WebSessionOut"];
                };
            };
        };
    };
    "dashboard.log_out.post": {
        parameters: {
            query?: never;
            header?: {
                "X-Nexgent-Web"?: string;
            };
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    "RateLimit-Limit"?: number;
                    "RateLimit-Remaining"?: number;
                    "RateLimit-Reset"?: number;
                    "X-Request-Id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["DoneOut"];
                };
            };
        };
    };
    "dashboard.refresh.post": {
        parameters: {
            query?: never;
            header?: {
                "X-Nexgent-Web"?: string;
            };
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    "RateLimit-Limit"?: number;
                    "RateLimit-Remaining"?: number;
                    "RateLimit-Reset"?: number;
                    "X-Request-Id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["WebSessionOut"];
                };
            };
        };
    };
    "webhooks.echo.post": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    "RateLimit-Limit"?: number;
                    "RateLimit-Remaining"?: number;
                    "RateLimit-Reset"?: number;
                    "X-Request-Id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["EchoOut"];
                };
            };
        };
    };
    "websocket.issue_ticket.post": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    "RateLimit-Limit"?: number;
                    "RateLimit-Remaining"?: number;
                    "RateLimit-Reset"?: number;
                    "X-Request-Id"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["TicketOut"];
                };
            };
        };
    };
}
