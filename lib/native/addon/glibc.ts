/** A property that `@types/node` lacks, as do older versions of Node. */
interface Report extends NodeJS.ProcessReport {
  excludeNetwork?: boolean
}

/** Version of glibc; undefined if the system has another C library. */
export function glibc(): string | undefined {
  const report: Report = process.report
  const { excludeNetwork = false } = report
  report.excludeNetwork = true // else the report may query a name server, for seconds
  const { header }: { header?: { glibcVersionRuntime?: string } } = report.getReport()
  report.excludeNetwork = excludeNetwork
  return header?.glibcVersionRuntime
}
