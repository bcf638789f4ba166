/** What `@types/node` leaves out, and older Nodes have not. */
interface Report extends NodeJS.ProcessReport {
  excludeNetwork?: boolean
}

/** The version of glibc, if that is this system's C library. */
export function glibc(): string | undefined {
  const report: Report = process.report
  const { excludeNetwork = false } = report
  report.excludeNetwork = true // it may ask a name server, for seconds
  const { header }: { header?: { glibcVersionRuntime?: string } } = report.getReport()
  report.excludeNetwork = excludeNetwork
  return header?.glibcVersionRuntime
}
