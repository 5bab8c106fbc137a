// Words for the codes of the API, as a newcomer reads them.

const CLOSE_REASONS: Record<string, string> = {
  manual: 'Closed by hand',
  stop_loss: 'Stop loss',
  take_profit: 'Take profit',
  stale_trade: 'Went nowhere',
  write_off: 'Written off (token is dead)',
  panic: 'Panic exit',
  external: 'Sold outside of Nexgent',
  signal: 'A signal asked for it',
  signal_replace: 'Replaced by a new signal',
}

/** Why a position was closed. */
export const closeReason = (code: string | null): string => (code === null ? 'Unknown' : (CLOSE_REASONS[code] ?? code))

/** "SOME_CODE" and "someName" as words: "Some code", "Some name". */
export function spelled(code: string): string {
  const words = code
    .replace(/([a-z])([A-Z])/g, '$1 $2')
    .replace(/[._-]+/g, ' ')
    .toLowerCase()
  return words.charAt(0).toUpperCase() + words.slice(1)
}

const GATES: Record<string, string> = {
  signal_user: 'Signal is yours',
  agent_active: 'Agent is switched on',
  automated_trading: 'Trades on its own',
  configuration_available: 'Has rules',
  signal_strength: 'Strength of the signal',
  signal_type: 'Type of the signal',
  token_address: 'Token list',
  market_cap_usd: 'Market cap, in USD',
  liquidity_usd: 'Liquidity, in USD',
  holder_count: 'Holders',
  sell_signals: 'Follows signals that sell',
  position: 'Holds the token',
  opened_at: 'Bought before the signal',
  exit: 'Not being sold already',
  price_impact: 'Price impact',
  purchase_validation: 'Purchase allowed',
  kill_switch_system: 'Emergency stop of the administrator',
  kill_switch_user: 'Your emergency stop',
  max_daily_loss_sol: 'Lost today, in SOL',
  max_daily_loss_percent: 'Lost today, in % of the wallet',
  max_drawdown_percent: 'Below its highest worth, in %',
  max_loss_streak: 'Losses in a row',
  token_cooldown_minutes: 'Pause for the token, in minutes',
  max_trades_per_hour: 'Purchases in the last hour',
  max_exposure_sol: 'In open positions, in SOL',
  max_exposure_percent: 'In open positions, in % of the wallet',
}

/** What a check looks at. */
export const gateName = (code: string): string => GATES[code] ?? spelled(code)

const OUTCOMES: Record<string, { text: string; tone: 'gain' | 'loss' | 'warn' | '' }> = {
  EXECUTED: { text: 'Bought', tone: 'gain' },
  WOULD_BUY: { text: 'Would buy', tone: 'gain' },
  WOULD_SELL: { text: 'Would sell', tone: 'gain' },
  PENDING: { text: 'Sent, not confirmed yet', tone: 'warn' },
  FAILED: { text: 'Not bought', tone: 'loss' },
  SKIPPED: { text: 'Passed over', tone: '' },
}

/** What an agent made of a signal, to buy or to sell. */
export function outcome(code: string, trial = false, selling = false): { text: string; tone: 'gain' | 'loss' | 'warn' | '' } {
  const known = OUTCOMES[code] ?? { text: spelled(code), tone: '' as const }
  if (trial && (code === 'FAILED' || code === 'SKIPPED')) return { ...known, text: selling ? 'Would not sell' : 'Would not buy' }
  if (selling && code === 'EXECUTED') return { ...known, text: 'Sold' }
  if (selling && code === 'FAILED') return { ...known, text: 'Not sold' }
  return known
}

/** What a signal asks for. */
export function actionText(signal: { action?: string | undefined; percent?: unknown }): string {
  if (signal.action === 'close') return 'Sell all'
  return signal.action === 'reduce' ? `Sell ${String(signal.percent)}%` : 'Buy'
}

const STAGES: Record<string, string> = {
  sold: 'Sold',
  intended: 'Decided to buy',
  quoted: 'Quote received',
  signed: 'Signed',
  sent: 'Sent',
  confirmed: 'Confirmed',
  recorded: 'Recorded',
}

/** A step from the signal to the recorded purchase. */
export const stageName = (code: string): string => STAGES[code] ?? spelled(code)
