/** What can go wrong with a download. */

/** No mirror answered: there seems to be no network. */
export class OfflineError extends Error {
  override name = 'OfflineError'
}

/** Mirrors answered but none served the right file, or it could not be written. */
export class DownloadError extends Error {
  override name = 'DownloadError'
}

/** The disk failed, not the mirror: no other mirror would help. */
export class DiskError extends DownloadError {}
