// Short names for the shapes of the API.
import type { components } from '@/api/schema'

type Schemas = components['schemas']

export type Agent = Schemas['AgentOut']
export type ApiKey = Schemas['ApiKeyOut']
export type Balance = Schemas['BalanceOut']
export type ClosedTrade = Schemas['HistoricalSwapOut']
export type Health = Schemas['HealthOut']
export type KillSwitches = Schemas['KillSwitchesOut']
export type Performance = Schemas['PerformanceOut']
export type Protections = Schemas['ProtectionsOut']
export type Snapshot = Schemas['SnapshotOut']
export type TradingConfig = Schemas['TradingConfig']
export type TradingMode = Schemas['TradingMode']
export type Transaction = Schemas['TransactionOut']
export type User = Schemas['UserOut']
export type Wallet = Schemas['OwnWalletOut']
export type Gate = Schemas['GateOut']
export type Decision = Schemas['DecisionOut']
export type Signal = Schemas['SignalOut']
