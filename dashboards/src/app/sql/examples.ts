/** Questions to begin with. */

export const EXAMPLES: readonly { title: string; sql: string }[] = [
  {
    title: 'Latest findings',
    sql: 'SELECT time, subject, id, kind, text\nFROM ops.findings\nORDER BY time DESC\nLIMIT 50',
  },
  {
    title: 'Plans and why they were made',
    sql: 'SELECT time, plan, reason, findings, out_of_service, moved, moved_mbps\nFROM plan.plans\nORDER BY time DESC\nLIMIT 50',
  },
  {
    title: 'What ruled sites out',
    sql: `SELECT site, verdict, count(*) AS pairs, avg(latency_ms) AS latency_ms
FROM plan.reports
WHERE time = (SELECT max(time) FROM plan.reports)
GROUP BY site, verdict
ORDER BY site, pairs DESC`,
  },
  {
    title: 'One group’s candidates',
    sql: `SELECT site, verdict, share, latency_ms, marginal_cost
FROM plan.reports
WHERE client_group = 'north-telco' AND domain = 'www.aurora.test'
  AND time = (SELECT max(time) FROM plan.reports)
ORDER BY share DESC, marginal_cost`,
  },
  {
    title: 'Bills over time',
    sql: 'SELECT time, contract, amount\nFROM cost.month_to_date\nORDER BY time DESC\nLIMIT 900',
  },
  {
    title: 'Health as vantages see it',
    sql: 'SELECT *\nFROM metrics.node_health\nORDER BY time DESC\nLIMIT 100',
  },
  { title: 'All tables', sql: 'SHOW TABLES' },
];
