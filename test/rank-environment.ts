/** What torchrun and `alexnode launch` set for one of several processes of this machine. */
export function rankEnvironment(rank: number, size: number, port: number): Record<string, string> {
  return {
    RANK: `${rank}`,
    WORLD_SIZE: `${size}`,
    LOCAL_RANK: `${rank}`,
    LOCAL_WORLD_SIZE: `${size}`,
    MASTER_ADDR: '127.0.0.1',
    MASTER_PORT: `${port}`
  }
}
