// What the fields of the configuration are called and mean, by path; `*` stands for any place in a list.

export interface FieldText {
  label: string
  help?: string
  unit?: string
}

export const SECTION_TEXTS: Record<string, { title: string; about: string; tone?: 'buy' | 'sell' }> = {
  purchaseLimits: { title: 'Purchase limits', about: 'How much SOL may be spent, and how far a purchase may move the price.' },
  signals: { title: 'Signals', about: 'Which signals the agent acts on. A signal has to pass all of these.' },
  positionCalculator: { title: 'Position size', about: 'How much is spent on one purchase, depending on how much SOL the wallet has.' },
  stopLoss: { title: 'Stop loss', about: 'When to sell a position that falls. The stop follows a rising price and never goes down again.' },
  takeProfit: { title: 'Take profit', about: 'When to sell parts of a position that rises.' },
  dca: { title: 'Averaging down', about: 'Whether to buy more of a position that has fallen, so that its average price gets lower.' },
  staleTrade: { title: 'Positions that go nowhere', about: 'When to sell a position that neither rises nor falls, to have the money free again.' },
  protections: { title: 'Protections', about: 'What stops the agent from buying when things go badly. They never stop a sale. Empty means off.' },
  shadow: { title: 'Comparison with paper', about: 'In live trading, what the simulation would have made of each trade is recorded beside it.' },
}

export const FIELD_TEXTS: Record<string, FieldText> = {
  'purchaseLimits.minimumAgentBalance': { label: 'Balance that must remain', unit: 'SOL', help: 'Nothing is bought while the wallet has less than this.' },
  'purchaseLimits.maxPurchasePerToken': { label: 'Most for one token', unit: 'SOL', help: 'A purchase is cut down to this.' },
  'purchaseLimits.maxPriceImpact': { label: 'Largest price impact', unit: 'as a fraction', help: 'How far the purchase itself may move the price: 0.05 is 5%. Empty means no limit.' },
  'signals.minScore': { label: 'Least strength', help: 'Signals have a strength from 1 to 5; weaker ones are ignored.' },
  'signals.allowedSignalTypes': { label: 'Types of signals', help: 'Only these types, one a line. Empty means all types.' },
  'signals.tokenFilterMode': { label: 'Token list', help: 'Whether the list below says what may not be bought, or what alone may be.' },
  'signals.tokenList': { label: 'Tokens on the list', help: 'Addresses, one a line.' },
  'signals.marketCapMin': { label: 'Market cap at least', unit: 'USD', help: 'What all of its tokens are worth together. Empty means no limit.' },
  'signals.marketCapMax': { label: 'Market cap at most', unit: 'USD', help: 'Empty means no limit.' },
  'signals.liquidityMin': { label: 'Liquidity at least', unit: 'USD', help: 'How much money the exchanges have ready for the token: the less, the more a purchase moves the price. Empty means no limit.' },
  'signals.liquidityMax': { label: 'Liquidity at most', unit: 'USD', help: 'Empty means no limit.' },
  'signals.holderCountMin': { label: 'Holders at least', help: 'How many wallets have some of it. Empty means no limit.' },
  'signals.holderCountMax': { label: 'Holders at most', help: 'Empty means no limit.' },
  'signals.sellSignals': { label: 'Signals that sell', help: 'A signal may ask to sell what is held of its token. Token list and limits above are for buying only.' },
  'stopLoss.enabled': { label: 'Stop loss is on', help: 'Without it a falling position is kept until another rule sells it.' },
  'stopLoss.defaultPercentage': { label: 'Stop at the start', unit: '%', help: 'Counted from the entry price: −32 sells when the price has fallen by 32%.' },
  'stopLoss.mode': { label: 'How the stop follows the price' },
  'stopLoss.trailingLevels': { label: 'Levels', help: 'Used in the mode “Own levels”, the highest gain first. Once the price has gained so much, the stop moves up to the second value.' },
  'stopLoss.trailingLevels.*.change': { label: 'Gain reached', unit: '%' },
  'stopLoss.trailingLevels.*.stopLoss': { label: 'Stop moves to', unit: '%' },
  'positionCalculator.solBalanceThresholds': { label: 'Balance ranges' },
  'positionCalculator.solBalanceThresholds.minimum': { label: 'Small from', unit: 'SOL', help: 'With less than this nothing is bought.' },
  'positionCalculator.solBalanceThresholds.medium': { label: 'Medium from', unit: 'SOL' },
  'positionCalculator.solBalanceThresholds.large': { label: 'Large from', unit: 'SOL' },
  'positionCalculator.positionSizes': { label: 'Spent on one purchase' },
  'positionCalculator.positionSizes.small': { label: 'With a small balance' },
  'positionCalculator.positionSizes.small.min': { label: 'From', unit: 'SOL' },
  'positionCalculator.positionSizes.small.max': { label: 'To', unit: 'SOL' },
  'positionCalculator.positionSizes.medium': { label: 'With a medium balance' },
  'positionCalculator.positionSizes.medium.min': { label: 'From', unit: 'SOL' },
  'positionCalculator.positionSizes.medium.max': { label: 'To', unit: 'SOL' },
  'positionCalculator.positionSizes.large': { label: 'With a large balance' },
  'positionCalculator.positionSizes.large.min': { label: 'From', unit: 'SOL' },
  'positionCalculator.positionSizes.large.max': { label: 'To', unit: 'SOL' },
  'positionCalculator.randomization': { label: 'Within the range' },
  'positionCalculator.randomization.enabled': { label: 'Draw the size at random', help: 'Otherwise the upper end of the range is spent.' },
  'staleTrade.enabled': { label: 'Sell positions that go nowhere' },
  'staleTrade.minHoldTimeMinutes': { label: 'After', unit: 'minutes' },
  'staleTrade.minProfitPercent': { label: 'If the profit is at least', unit: '%' },
  'staleTrade.maxProfitPercent': { label: 'and at most', unit: '%' },
  'dca.enabled': { label: 'Averaging down is on' },
  'dca.mode': { label: 'Template' },
  'dca.levels': { label: 'Levels', help: 'Used with the template “Own levels”.' },
  'dca.levels.*.dropPercent': { label: 'When it has fallen by', unit: '%' },
  'dca.levels.*.buyPercent': { label: 'Buy more', unit: '% of its value' },
  'dca.maxDCACount': { label: 'At most so often', help: 'For each position.' },
  'dca.cooldownSeconds': { label: 'Wait in between', unit: 'seconds' },
  'takeProfit.enabled': { label: 'Take profit is on' },
  'takeProfit.mode': { label: 'Template' },
  'takeProfit.levels': { label: 'Levels', help: 'Used with the template “Own levels”, the lowest gain first.' },
  'takeProfit.levels.*.targetPercent': { label: 'At a gain of', unit: '%' },
  'takeProfit.levels.*.sellPercent': { label: 'Sell', unit: '% of what was bought' },
  'takeProfit.moonBag': { label: 'Moon bag: a part that is kept' },
  'takeProfit.moonBag.enabled': { label: 'Keep a part', help: 'It stays when all levels are sold, in case the price rises much further. The stop loss still sells it.' },
  'takeProfit.moonBag.triggerPercent': { label: 'Set aside at a gain of', unit: '%' },
  'takeProfit.moonBag.retainPercent': { label: 'Part that is kept', unit: '%' },
  'protections.maxDailyLossSol': { label: 'Most loss in a day', unit: 'SOL' },
  'protections.maxDailyLossPercent': { label: 'Most loss in a day', unit: '% of the wallet' },
  'protections.maxDrawdownPercent': { label: 'Largest drawdown', unit: '%', help: 'How far the wallet may fall below its highest worth.' },
  'protections.maxLossStreak': { label: 'Losses in a row', help: 'After so many the agent pauses.' },
  'protections.lossStreakPauseMinutes': { label: 'Length of that pause', unit: 'minutes' },
  'protections.tokenCooldownMinutes': { label: 'Pause for a token after selling it', unit: 'minutes' },
  'protections.maxTradesPerHour': { label: 'Purchases in an hour' },
  'protections.maxExposureSol': { label: 'Most in open positions', unit: 'SOL', help: 'Traders call it exposure.' },
  'protections.maxExposurePercent': { label: 'Most in open positions', unit: '% of the wallet' },
  'shadow.enabled': { label: 'Record the comparison', help: 'It trades nothing by itself.' },
}

const CHOICES: Record<string, Record<string, string>> = {
  'signals.tokenFilterMode': { none: 'No list', blacklist: 'Never buy these', whitelist: 'Buy only these' },
  'signals.sellSignals': { followed: 'Follow those of a type and strength that would buy', all: 'Follow all of them', none: 'Follow none' },
  'stopLoss.mode': {
    fixed: 'Fixed: 10% behind the peak, from a gain of 20% on',
    exponential: 'Growing: keeps more of the gain the higher it is',
    zones: 'Zones: keeps 50% to 85% of the gain',
    custom: 'Own levels',
  },
  'dca.mode': { aggressive: 'Aggressive', moderate: 'Moderate', conservative: 'Conservative', custom: 'Own levels' },
  'takeProfit.mode': { aggressive: 'Aggressive', moderate: 'Moderate', conservative: 'Conservative', custom: 'Own levels' },
}

const general = (path: string): string => path.replace(/\.\d+(?=\.|$)/g, '.*')

export const textOf = (path: string): FieldText => FIELD_TEXTS[general(path)] ?? { label: path }
export const choiceText = (path: string, value: string): string => CHOICES[general(path)]?.[value] ?? value

/** "Stop loss › Stop at the start": a field wherever it stands alone. */
export function fullLabel(path: string): string {
  const parts = path.split('.')
  const section = SECTION_TEXTS[parts[0] ?? '']?.title ?? parts[0] ?? ''
  const labels = parts.slice(1).map((_, index) => FIELD_TEXTS[general(parts.slice(0, index + 2).join('.'))]?.label)
  return [section, ...labels.filter((label) => label !== undefined)].join(' › ')
}

/** Write a value as a person reads it in the list of changes. */
export function valueText(path: string, value: unknown): string {
  if (value === null || value === undefined || value === '') return 'none'
  if (typeof value === 'boolean') return value ? 'on' : 'off'
  if (Array.isArray(value)) {
    if (value.length === 0) return 'none'
    if (typeof value[0] === 'object')
      return value
        .map((one: Record<string, unknown>, index) =>
          Object.entries(one)
            .map(([key, number]) => valueText(`${path}.${index}.${key}`, number))
            .join(' → '),
        )
        .join(', ')
    return value.join(', ')
  }
  if (typeof value === 'string') return choiceText(path, value)
  const unit = textOf(path).unit
  const number = String(value).replace('-', '−')
  return unit ? `${number}${unit.startsWith('%') ? '' : ' '}${unit.startsWith('%') ? '%' : unit}` : number
}
