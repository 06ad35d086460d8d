/**
 * Names that stand before a parenthesis and call nothing that is stored: functions of MySQL 8 and 9,
 * and keywords of the language. Any other name may be a stored function, which may change rows.
 *
 * @see sql/item_create.cc: func_array; sql/sql_yacc.yy: function_call_keyword and its neighbours
 */
const NAMES = `
  abs acos adddate addtime aes_decrypt aes_encrypt any_value ascii asin atan atan2 avg benchmark bin
  bin_to_uuid bit_and bit_count bit_length bit_or bit_xor can_access_column can_access_database
  can_access_table cast ceil ceiling char char_length character_length charset coalesce coercibility
  collation compress concat concat_ws connection_id conv convert convert_tz cos cot count crc32
  cume_dist curdate current_date current_role current_time current_timestamp current_user curtime
  database date date_add date_format date_sub datediff day dayname dayofmonth dayofweek dayofyear
  degrees dense_rank elt exp export_set extract extractvalue field find_in_set first_value floor
  format format_bytes format_pico_time found_rows from_base64 from_days from_unixtime
  geomcollection geometrycollection get_format get_lock greatest group_concat grouping gtid_subset
  gtid_subtract hex hour icu_version if ifnull inet6_aton inet6_ntoa inet_aton inet_ntoa insert
  instr interval is_free_lock is_ipv4 is_ipv4_compat is_ipv4_mapped is_ipv6 is_used_lock is_uuid
  isnull json_array json_array_append json_array_insert json_arrayagg json_contains
  json_contains_path json_depth json_extract json_insert json_keys json_length json_merge
  json_merge_patch json_merge_preserve json_object json_objectagg json_overlaps json_pretty
  json_quote json_remove json_replace json_schema_valid json_schema_validation_report json_search
  json_set json_storage_free json_storage_size json_table json_type json_unquote json_valid
  json_value lag last_day last_insert_id last_value lcase lead least left length linestring ln
  load_file localtime localtimestamp locate log log10 log2 lower lpad ltrim make_set makedate
  maketime master_pos_wait max mbrcontains mbrcoveredby mbrcovers mbrdisjoint mbrequals
  mbrintersects mbroverlaps mbrtouches mbrwithin md5 microsecond mid min minute mod month monthname
  multilinestring multipoint multipolygon name_const now nth_value ntile nullif oct octet_length ord
  percent_rank period_add period_diff pi point polygon position pow power ps_current_thread_id
  ps_thread_id quarter quote radians rand random_bytes rank regexp_instr regexp_like regexp_replace
  regexp_substr release_all_locks release_lock repeat replace reverse right roles_graphml round
  row_count row_number rpad rtrim schema sec_to_time second session_user sha sha1 sha2 sign sin
  sleep soundex source_pos_wait space sqrt statement_digest statement_digest_text std stddev
  stddev_pop stddev_samp str_to_date strcmp string_to_vector subdate substr substring
  substring_index subtime sum sysdate system_user tan time time_format time_to_sec timediff
  timestamp timestampadd timestampdiff to_base64 to_days to_seconds to_vector trim truncate ucase
  uncompress uncompressed_length unhex unix_timestamp updatexml upper user utc_date utc_time
  utc_timestamp uuid uuid_short uuid_to_bin validate_password_strength values var_pop var_samp
  variance vector_dim vector_to_string version wait_for_executed_gtid_set week weekday weekofyear
  weight_string year yearweek

  all and any as between binary bit by case character columns cross datetime dec decimal distinct
  distinctrow div double else enum escape except exists fields first float for force from having
  ignore in index inner intersect into is join key lateral like limit lines member nchar not null
  numeric of offset on or order over partition precision real regexp return rlike row select set
  some sounds straight_join table tables terminated then unique union unsigned use using varbinary
  varchar when where window with xor`;

const KNOWN: ReadonlySet<string> = new Set(NAMES.trim().split(/\s+/));

/** @param word  in any case; functions whose names begin with `ST_` are all the server's own */
export function isNative(word: string): boolean {
  const name = word.toLowerCase();
  return KNOWN.has(name) || name.startsWith('st_');
}
