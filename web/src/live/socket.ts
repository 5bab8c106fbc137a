// One WebSocket for one agent: asks for a ticket, connects, and comes back where it stopped.
import { call } from '@/api/client'
import type { Frame } from '@/live/frames'
import { parseJson } from '@/lib/json'
import { heard } from '@/live/reach'

export type SocketState = 'connecting' | 'live' | 'lost' | 'catching' | 'gone'

const FIRST_PAUSE_MS = 500
const LONGEST_PAUSE_MS = 10_000
const PING_EVERY_MS = 10_000
/** Silence after which a connection is taken for dead: a cable that was pulled says nothing. */
const SILENCE_MS = 25_000

export class AgentSocket {
  private socket: WebSocket | null = null
  private retry: ReturnType<typeof setTimeout> | undefined
  private pulse: ReturnType<typeof setInterval> | undefined
  private attempts = 0
  private heardAt = 0
  private place: { epoch: string; seq: number } | null = null
  /** Up to which frame has been missed, while those are coming; null when nothing is missing. */
  private missing: number | null = null
  private stopped = false

  constructor(
    private readonly agentId: string,
    private readonly onFrame: (frame: Frame) => void,
    private readonly onState: (state: SocketState) => void,
  ) {}

  start(): void {
    window.addEventListener('online', this.hurry)
    document.addEventListener('visibilitychange', this.hurry)
    void this.connect()
  }

  stop(): void {
    this.stopped = true
    window.removeEventListener('online', this.hurry)
    document.removeEventListener('visibilitychange', this.hurry)
    clearTimeout(this.retry)
    this.drop()
  }

  /** Try again now, instead of when the pause is over. */
  readonly hurry = (): void => {
    if (this.stopped || this.socket !== null || document.visibilityState === 'hidden') return
    clearTimeout(this.retry)
    void this.connect()
  }

  private async connect(): Promise<void> {
    clearTimeout(this.retry)
    let ticket: string
    try {
      ticket = (await call('post', '/api/v1/ws/ticket')).ticket
    } catch {
      // Also after a refusal: whoever logs out stops this socket.
      if (!this.stopped) this.later()
      return
    }
    if (this.stopped || this.socket !== null) return
    const query = new URLSearchParams({ ticket, agentId: this.agentId })
    if (this.place !== null) {
      query.set('epoch', this.place.epoch)
      query.set('lastSeq', String(this.place.seq))
    }
    const scheme = location.protocol === 'https:' ? 'wss' : 'ws'
    const socket = new WebSocket(`${scheme}://${location.host}/ws?${query.toString()}`)
    this.socket = socket
    this.heardAt = Date.now()
    socket.onmessage = (event: MessageEvent<string>) => {
      this.heardAt = Date.now()
      heard()
      this.take(parseJson(event.data) as Frame)
    }
    socket.onclose = (event) => {
      if (this.socket !== socket) return
      this.drop()
      if (this.stopped) return
      if (event.code === 1008 && /agent/i.test(event.reason)) this.onState('gone')
      else this.later()
    }
    this.pulse = setInterval(() => this.check(), PING_EVERY_MS / 2)
  }

  private take(frame: Frame): void {
    switch (frame.type) {
      case 'ping':
        this.socket?.send('{"type":"pong"}')
        return
      case 'pong':
        return
      case 'connected':
        this.attempts = 0
        // With `resumed` the missed frames follow; without it a snapshot does, and the old place means nothing.
        this.missing = !frame.data.resumed ? Infinity : frame.data.seq > (this.place?.seq ?? 0) ? frame.data.seq : null
        if (this.missing !== null && this.place !== null) this.onState('catching')
        if (!frame.data.resumed) this.place = null
        break
      case 'initial_data':
        this.missing = null
        this.place = { epoch: frame.data.epoch, seq: frame.data.seq }
        break
      case 'position_update':
        if (this.place?.epoch === frame.data.epoch) {
          if (frame.data.seq <= this.place.seq) return
          if (frame.data.seq > this.place.seq + 1) {
            this.socket?.send(JSON.stringify({ type: 'resume', data: { epoch: this.place.epoch, lastSeq: this.place.seq } }))
            return
          }
        }
        this.place = { epoch: frame.data.epoch, seq: frame.data.seq }
        break
    }
    this.onFrame(frame)
    if (this.missing !== null && this.place !== null && this.place.seq >= this.missing) this.missing = null
    if (this.missing === null) this.onState('live')
  }

  private check(): void {
    const silent = Date.now() - this.heardAt
    if (silent > SILENCE_MS) {
      this.drop()
      this.later()
    } else if (silent > PING_EVERY_MS && this.socket?.readyState === WebSocket.OPEN) this.socket.send('{"type":"ping"}')
  }

  private later(): void {
    this.onState('lost')
    const pause = Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** this.attempts++)
    this.retry = setTimeout(() => void this.connect(), pause * (0.75 + Math.random() / 2))
  }

  private drop(): void {
    clearInterval(this.pulse)
    const socket = this.socket
    this.socket = null
    if (socket === null) return
    socket.onclose = socket.onmessage = null
    // Closing one that is still being made is an error to the browser: it is closed as soon as it stands.
    if (socket.readyState === WebSocket.CONNECTING) socket.onopen = () => socket.close()
    else socket.close()
  }
}
