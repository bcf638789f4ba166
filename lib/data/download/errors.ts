import { PlainError } from '../../util/foreign.ts'

/** No mirror answered a download: there seems to be no network. */
export class OfflineError extends PlainError {
  /** Always 'OfflineError'. */
  override name = 'OfflineError'
}

/** Mirrors answered, but none served the right file, or it could not be written. */
export class DownloadError extends PlainError {
  /** Always 'DownloadError'. */
  override name = 'DownloadError'
}

/** Writing failed, not the mirror: another mirror would not help. */
export class WriteError extends DownloadError {}
