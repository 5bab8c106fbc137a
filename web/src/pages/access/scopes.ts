// What an API key may do, in words.
import type { ApiKey } from '@/api/types'

export type Scope = ApiKey['scopes'][number]

export const SCOPES: readonly (readonly [Scope, string, string])[] = [
  ['signals', 'Send signals', 'Sends, changes and deletes trading signals. Your agents buy and sell on them, so treat such a key like money.'],
  ['signals_read', 'Read signals', 'Sees signals and what agents made of them. Changes nothing.'],
  ['agents', 'Agents', 'Sees agents, their rules and figures. Changes nothing.'],
  ['positions', 'Positions', 'Sees open positions.'],
  ['balances', 'Balances', 'Sees what wallets hold.'],
  ['transactions', 'Transactions', 'Sees purchases, sales and deposits.'],
  ['history', 'History', 'Sees closed trades and recorded prices.'],
  ['trading', 'Buy and sell', 'Buys and sells by hand, with real money where an agent is live. Only for keys that are told so here: “everything” does not include it.'],
  ['overview', 'Overview', 'Sees how all agents stand together, what needs attention, and whether entries are stopped. Changes nothing.'],
  ['kill_switch', 'Kill switch', 'Stops all entries of your agents, and allows them again. Only for keys that are told so here.'],
  ['full_access', 'Everything but trading and the kill switch', 'All of the others above but those two. Never wallets, other API keys or your password.'],
]

const NAMES = new Map<string, string>(SCOPES.map(([scope, name]) => [scope, name]))

export const scopeName = (scope: string): string => NAMES.get(scope) ?? scope
