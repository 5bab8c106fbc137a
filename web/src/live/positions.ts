// An agent's open positions as they are now: snapshot, changes and prices of its socket.
import { shallowReactive, shallowRef, triggerRef, watch, type ShallowRef } from 'vue'

import { Dec, type Decimal } from '@/lib/decimal'
import { symbolText } from '@/lib/format'
import type { Frame, PositionFrame } from '@/live/frames'
import { isLiveWallet } from '@/lib/trades'
import { probe, reachable } from '@/live/reach'
import { AgentSocket, type SocketState } from '@/live/socket'

/** Prices of the last minutes that a row draws. */
const POINTS = 90
/** How long prices and changes are gathered before they are shown: the frames of many agents come one by one. */
const GATHER_MS = 100

/** What only a purchase or a sale changes. */
const TRADED = ['totalInvestedSol', 'purchaseAmount', 'remainingAmount', 'realizedProfitSol', 'dcaCount', 'takeProfitLevelsHit', 'moonBagAmount'] as const

/** A position with what it is worth at the newest price. Objects stay the same while the position is open. */
export interface LivePosition {
  readonly id: string
  readonly agentId: string
  readonly tokenAddress: string
  readonly tokenSymbol: string
  readonly isLive: boolean
  /** Milliseconds since 1970. */
  readonly openedAt: number
  /** New whenever the service writes something down, be it a new low: what never changes stands above, for lists to go by. */
  frame: PositionFrame
  price: Dec
  valueSol: Dec
  profitSol: Dec
  profitPercent: Dec
  stopPrice: Dec | null
  /** When the newest price arrived; 0 before the first one. */
  pricedAt: number
  trend: number[]
  /** Grows with every point of `trend`, which is not reactive itself. */
  ticks: number
  /** What is reckoned with at every price, read from the frame once. */
  readonly constants: Constants
}

interface Constants {
  held: Dec
  invested: Dec
  /** What sold parts have brought, less what the part that is held has cost. */
  offset: Dec
}

export interface AgentFeed {
  readonly agentId: string
  readonly state: ShallowRef<SocketState>
  /** By id, newest first. Reactive as a list; each position is reactive by itself. */
  readonly positions: ShallowRef<Map<string, LivePosition>>
  /** Grows when something was bought or sold: lists of closed trades and balances then load anew. */
  readonly changes: ShallowRef<number>
  /** False until the first snapshot is there. */
  readonly loaded: ShallowRef<boolean>
}

interface Held extends AgentFeed {
  socket: AgentSocket
  users: number
  /** Newest prices by token that are not shown yet. */
  waiting: Map<string, Decimal>
  /** Newest lows, peaks and stops by position that are not shown yet. */
  noted: Map<string, PositionFrame>
  hasChanged: boolean
}

const feeds = new Map<string, Held>()

/** Whether the service answers and everything that is watched is live; what the banner shows. */
export const connection = shallowReactive({ state: 'live' as 'live' | 'connecting' | 'catching' | 'lost', since: 0, live: 0, total: 0 })

/** Begin to watch an agent, or share what others watch already. Every call needs one of `release`. */
export function watchAgent(agentId: string): AgentFeed {
  const known = feeds.get(agentId)
  if (known !== undefined) {
    known.users++
    return known
  }
  const feed: Held = {
    agentId,
    state: shallowRef<SocketState>('connecting'),
    positions: shallowRef(new Map<string, LivePosition>()),
    changes: shallowRef(0),
    loaded: shallowRef(false),
    users: 1,
    waiting: new Map(),
    noted: new Map(),
    hasChanged: false,
    socket: new AgentSocket(
      agentId,
      (frame) => take(feed, frame),
      (state) => {
        if (feed.state.value === state) return
        feed.state.value = state
        judgeConnection()
      },
    ),
  }
  feeds.set(agentId, feed)
  feed.socket.start()
  return feed
}

/** Stop watching. The socket stays a moment, since going from page to page would drop and open it anew. */
export function release(agentId: string): void {
  const feed = feeds.get(agentId)
  if (feed === undefined || --feed.users > 0) return
  setTimeout(() => {
    if (feed.users > 0 || feeds.get(agentId) !== feed) return
    feed.socket.stop()
    feeds.delete(agentId)
    judgeConnection()
  }, 3000)
}

/** End all connections: somebody logged out. */
export function releaseAll(): void {
  for (const feed of feeds.values()) feed.socket.stop()
  feeds.clear()
  judgeConnection()
}

/** Try all lost connections again now. */
export function reconnect(): void {
  void probe()
  for (const feed of feeds.values()) feed.socket.hurry()
}

// On a page that watches nothing, or before a socket has noticed.
watch(reachable, (answers) => {
  judgeConnection()
  if (answers) reconnect()
}, { flush: 'sync' })

function judgeConnection(): void {
  const states = [...feeds.values()].map((feed) => feed.state.value)
  const state = !reachable.value ? 'lost' : ((['lost', 'catching', 'connecting'] as const).find((one) => states.includes(one)) ?? 'live')
  connection.live = states.filter((one) => one === 'live').length
  connection.total = states.length
  if (state !== connection.state) connection.since = Date.now()
  connection.state = state
}

function take(feed: Held, frame: Frame): void {
  switch (frame.type) {
    case 'initial_data': {
      const before = feed.positions.value
      feed.waiting.clear()
      feed.noted.clear()
      feed.positions.value = new Map(
        frame.data.positions.map((position) => [position.id, put(before.get(position.id), position)]),
      )
      // What is listed elsewhere has been loaded by itself when this is the first snapshot.
      if (feed.loaded.value) changed(feed)
      feed.loaded.value = true
      return
    }
    case 'position_update': {
      const { positionId, costBasisSol } = frame.data
      const position =
        frame.data.position && costBasisSol !== undefined ? { ...frame.data.position, costBasisSol } : frame.data.position
      const all = feed.positions.value
      if (position !== undefined) {
        const known = all.get(position.id)
        // A falling price is a new low every second, a rising one a new peak: nothing was traded then, and it can be gathered.
        if (known !== undefined && !isTraded(known.frame, position)) {
          feed.noted.set(position.id, position)
          gather()
          return
        }
        feed.noted.delete(position.id)
        const kept = put(known, position)
        if (known === undefined) feed.positions.value = new Map([[kept.id, kept], ...all])
      } else if (positionId !== undefined) {
        feed.noted.delete(positionId)
        if (all.delete(positionId)) triggerRef(feed.positions)
      }
      changed(feed)
      return
    }
    case 'price_update_batch':
      for (const update of frame.data.updates) feed.waiting.set(update.mint, update.price)
      gather()
  }
}

function changed(feed: Held): void {
  feed.hasChanged = true
  gather()
}

let gathering: ReturnType<typeof setTimeout> | undefined

function gather(): void {
  gathering ??= setTimeout(() => {
    gathering = undefined
    for (const feed of feeds.values()) show(feed)
  }, GATHER_MS)
}

/** Take up what has been gathered. All feeds do so at once: everything that follows from it is then reckoned and drawn once. */
function show(feed: Held): void {
  for (const [id, frame] of feed.noted) {
    const known = feed.positions.value.get(id)
    if (known !== undefined) put(known, frame)
  }
  feed.noted.clear()
  if (feed.waiting.size) {
    for (const position of feed.positions.value.values()) {
      const price = feed.waiting.get(position.tokenAddress)
      if (price !== undefined) reprice(position, price)
    }
    feed.waiting.clear()
  }
  if (feed.hasChanged) {
    feed.hasChanged = false
    feed.changes.value++
  }
}

function put(known: LivePosition | undefined, told: PositionFrame): LivePosition {
  const frame = { ...told, tokenSymbol: symbolText(told.tokenSymbol, told.tokenAddress) }
  // Frames of changes do not say what it is worth; the newest price is known from before.
  const price = Dec.of(frame.currentPrice ?? known?.price ?? frame.purchasePrice)
  const position =
    known ??
    shallowReactive<LivePosition>({
      id: frame.id,
      agentId: frame.agentId,
      tokenAddress: frame.tokenAddress,
      tokenSymbol: frame.tokenSymbol,
      isLive: isLiveWallet(frame.walletAddress),
      openedAt: Date.parse(frame.createdAt),
      frame,
      price,
      valueSol: Dec.ZERO,
      profitSol: Dec.ZERO,
      profitPercent: Dec.ZERO,
      stopPrice: null,
      pricedAt: 0,
      trend: [],
      ticks: 0,
      constants: { held: Dec.ZERO, invested: Dec.ZERO, offset: Dec.ZERO },
    })
  const held = Dec.of(frame.remainingAmount ?? frame.purchaseAmount)
  position.constants.held = held
  position.constants.invested = Dec.of(frame.totalInvestedSol)
  position.constants.offset = Dec.of(frame.realizedProfitSol).minus(costBasis(frame, held))
  position.frame = frame
  position.stopPrice =
    frame.currentStopLossPercentage === null
      ? null
      : Dec.of(frame.purchasePrice).times(Dec.of(frame.currentStopLossPercentage).times('0.01').plus(1))
  if (position.trend.length === 0) position.trend.push(Dec.of(frame.purchasePrice).toNumber())
  value(position, price)
  return position
}

/** Whether a purchase or a sale lies between two states of a position. */
export function isTraded(before: PositionFrame, after: PositionFrame): boolean {
  return TRADED.some((name) => before[name] !== after[name])
}

function reprice(position: LivePosition, price: Decimal): void {
  position.pricedAt = Date.now()
  position.trend.push(Number(price))
  if (position.trend.length > POINTS) position.trend.shift()
  position.ticks++
  value(position, Dec.of(price))
}

/** What it is worth, and what it has gained: sold parts, plus what is held, minus what that part has cost. */
function value(position: LivePosition, price: Dec): void {
  const { held, invested, offset } = position.constants
  position.price = price
  position.valueSol = price.times(held)
  position.profitSol = position.valueSol.plus(offset)
  position.profitPercent = position.profitSol.times(100).over(invested, 6) ?? Dec.ZERO
}

function costBasis(frame: PositionFrame, held: Dec): Dec {
  if (frame.costBasisSol !== undefined) return Dec.of(frame.costBasisSol)
  // Both are rounded to the 17 digits of a double: what was paid is whole lamports.
  if (frame.positionValueSol !== undefined && frame.profitLossSol !== undefined)
    return Dec.of(frame.positionValueSol).plus(frame.realizedProfitSol).minus(frame.profitLossSol).round(9)
  return Dec.of(frame.totalInvestedSol).times(held).over(frame.purchaseAmount, 9) ?? Dec.ZERO
}
