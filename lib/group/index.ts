/**
 * Several processes, on one machine or more, that work together.
 *
 * @module alexnode/group
 */

export { GroupError, RankGoneError } from './errors.ts'
export { type Group, type JoinGroupOptions, joinGroup } from './group.ts'
export { describeIdentity, type Identity, identityOf, type Launcher } from './identity.ts'
export type { Facts } from './store/messages.ts'
export { type JoinStoreOptions, joinStore, type Store, type WaitOptions } from './store/store.ts'
