// The kill switch: stops all purchases of the user's agents; what is open is still sold by its rules.
import { computed, shallowRef, watch } from 'vue'

import { call } from '@/api/client'
import type { KillSwitches } from '@/api/types'
import { ask } from '@/lib/feedback'
import { session } from '@/session'

const EVERY_MS = 15_000

export const killSwitches = shallowRef<KillSwitches | null>(null)
/** Whether purchases are stopped, by the user or for the whole system. */
export const isStopped = computed(() => Boolean(killSwitches.value?.user.engaged || killSwitches.value?.system.engaged))

let timer: ReturnType<typeof setInterval> | undefined

export async function loadKillSwitches(): Promise<void> {
  try {
    killSwitches.value = await call('get', '/api/v1/protections/kill-switch')
  } catch {
    // What is shown stays; the banner says that the service cannot be reached.
  }
}

watch(
  session.state,
  (state) => {
    clearInterval(timer)
    if (state !== 'in') {
      killSwitches.value = null
      return
    }
    void loadKillSwitches()
    timer = setInterval(() => void loadKillSwitches(), EVERY_MS)
  },
  { immediate: true },
)

export function askToStopBuying(): void {
  ask({
    title: 'Stop all buying?',
    explains: [
      'None of your agents buys anything from now on, whatever signals arrive.',
      'Open positions stay open and are still sold by their rules: stop loss, take profit and the others go on.',
      'It stays so, also after a restart, until you allow buying again.',
    ],
    action: 'Stop buying',
    danger: true,
    run: async () => {
      killSwitches.value = await call('put', '/api/v1/protections/kill-switch', {
        body: { engaged: true, reason: 'Stopped in the dashboard' },
      })
      return 'Buying is stopped'
    },
  })
}

export function askToSellEverything(): void {
  ask({
    title: 'Sell everything?',
    explains: [
      'Buying is stopped for all your agents, and every open position is sold at the market price, at whatever loss.',
      'A sale that fails is tried again until nothing is held. In live wallets real tokens are sold.',
      'This cannot be undone.',
    ],
    action: 'Stop and sell everything',
    doing: 'Stopping all buying and beginning to sell every position…',
    danger: true,
    typed: 'SELL',
    run: async () => {
      await call('post', '/api/v1/protections/panic', { body: { flatten: true, reason: 'Panic in the dashboard' } })
      await loadKillSwitches()
      return 'Buying is stopped, and everything is being sold'
    },
  })
}

export function askToAllowBuying(): void {
  ask({
    title: 'Allow buying again?',
    explains: [
      'Your agents act on signals again from now on. Signals that arrived in the meantime are not made up for.',
      ...(killSwitches.value?.user.flatten ? ['Positions that are still open are no longer being sold off.'] : []),
    ],
    action: 'Allow buying',
    run: async () => {
      killSwitches.value = await call('put', '/api/v1/protections/kill-switch', { body: { engaged: false } })
      return 'Agents buy again'
    },
  })
}
