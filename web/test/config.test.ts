import { describe, expect, it } from 'vitest'

import { changesBetween, fromDraft, patchOf, problemsByPath, SECTIONS, toDraft, type Draft, type Field } from '@/config/form'
import { readFile } from '@/config/file'
import { FIELD_TEXTS, fullLabel, SECTION_TEXTS, valueText } from '@/config/texts'

function paths(fields: readonly Field[], above: string): string[] {
  return fields.flatMap((field) => {
    const path = `${above}.${field.key}`
    if (field.type === 'group') return [path, ...paths(field.fields ?? [], path)]
    return field.item?.type === 'group' ? [path, ...paths(field.item.fields ?? [], `${path}.*`)] : [path]
  })
}

const defaults = fromDraft(toDraft({})).config

describe('the form of the configuration', () => {
  it('has words for every field, and no words for others', () => {
    const known = SECTIONS.flatMap((section) => paths(section.fields ?? [], section.key))
    expect(Object.keys(FIELD_TEXTS).sort()).toEqual(known.sort())
    expect(Object.keys(SECTION_TEXTS).sort()).toEqual(SECTIONS.map((section) => section.key).sort())
  })

  it('changes nothing on the way through a draft', () => {
    expect(fromDraft(toDraft(defaults)).config).toEqual(defaults)
    expect(fromDraft(toDraft({})).problems.size).toBe(0)
  })

  it('says what is wrong, where, and keeps what was typed', () => {
    const draft = toDraft({ stopLoss: { mode: 'custom', trailingLevels: [{ change: 50, stopLoss: 5000 }] } })
    const stop = draft['stopLoss'] as Draft
    stop['defaultPercentage'] = '5'
    ;(draft['signals'] as Draft)['minScore'] = '2.5'
    ;(draft['signals'] as Draft)['tokenList'] = ['abc']
    ;(draft['takeProfit'] as Draft)['levels'] = [{ targetPercent: 'ten', sellPercent: '' }]
    const { problems, config } = fromDraft(draft)
    expect([...problems.keys()].sort()).toEqual([
      'signals.minScore',
      'signals.tokenList.0',
      'stopLoss.defaultPercentage',
      'stopLoss.trailingLevels.0.stopLoss',
      'takeProfit.levels.0.sellPercent',
      'takeProfit.levels.0.targetPercent',
    ])
    expect(problems.get('stopLoss.defaultPercentage')).toBe('Enter at most 0.')
    expect((config['takeProfit'] as Draft)['levels']).toEqual([{ targetPercent: 'ten', sellPercent: '' }])
  })

  it('takes an empty optional field as none, and a missing required one as wrong', () => {
    const draft = toDraft({})
    ;(draft['purchaseLimits'] as Draft)['maxPriceImpact'] = ' '
    ;(draft['purchaseLimits'] as Draft)['maxPurchasePerToken'] = ''
    const { config, problems } = fromDraft(draft)
    expect((config['purchaseLimits'] as Draft)['maxPriceImpact']).toBeNull()
    expect([...problems.keys()]).toEqual(['purchaseLimits.maxPurchasePerToken'])
  })

  it('sends the fields that changed alone, and names each change', () => {
    const draft = toDraft({})
    ;(draft['stopLoss'] as Draft)['defaultPercentage'] = '-20.5'
    ;((draft['takeProfit'] as Draft)['moonBag'] as Draft)['enabled'] = false
    const { config } = fromDraft(draft)
    const changes = changesBetween(defaults, config)
    expect(changes).toEqual([
      { path: 'stopLoss.defaultPercentage', before: -32, after: -20.5 },
      { path: 'takeProfit.moonBag.enabled', before: true, after: false },
    ])
    expect(patchOf(changes)).toEqual({ stopLoss: { defaultPercentage: -20.5 }, takeProfit: { moonBag: { enabled: false } } })
    expect(fullLabel('takeProfit.moonBag.enabled')).toBe('Take profit › Moon bag: a part that is kept › Keep a part')
    expect(valueText('stopLoss.defaultPercentage', -20.5)).toBe('−20.5%')
    expect(valueText('takeProfit.levels', [{ targetPercent: 50, sellPercent: 25 }])).toBe('50% → 25%')
  })

  it('finds the fields of refusals', () => {
    expect([...problemsByPath(['stopLoss.trailingLevels: mode custom needs at least one level', 'odd'])]).toEqual([
      ['stopLoss.trailingLevels', 'mode custom needs at least one level'],
    ])
  })
})

describe('a file with rules', () => {
  const present = { ...defaults, purchaseLimits: { minimumAgentBalance: 0.5, maxPurchasePerToken: 3, maxPriceImpact: null } }

  it('changes what it mentions and nothing else', () => {
    const { config, problems } = readFile('{"purchaseLimits": {"minimumAgentBalance": 0.75}}', present)
    expect(problems).toEqual([])
    expect(config).toEqual({ ...present, purchaseLimits: { ...present.purchaseLimits, minimumAgentBalance: 0.75 } })
    expect(readFile(JSON.stringify({ kind: 'nexgent-config', agent: 'A', at: 'now', config: present }), defaults).config).toEqual(present)
  })

  it('is refused as a whole, with every name that is wrong and what is possible', () => {
    const { config, problems } = readFile('{"purchaseLimits": {"minimumAgentBalance": 1, "most": 1}, "dca": {"enabled": "yes"}}', present)
    expect(config).toBeNull()
    expect(problems).toEqual([
      'Purchase limits (purchaseLimits): “most” is unknown. Possible: minimumAgentBalance, maxPurchasePerToken, maxPriceImpact.',
      'Averaging down › Averaging down is on (dca.enabled): it is “yes” and has to be true or false.',
    ])
  })
})
