/** A colour for each of so many clusters, told apart on light and dark ground. */
export function clusterColour(cluster: number, clusters: number): string {
  const hue = (360 * cluster) / clusters
  return `hsl(${hue.toFixed(0)} 68% ${cluster % 2 === 0 ? 46 : 60}%)`
}
