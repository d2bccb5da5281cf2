CALL_LOGS = "call_state_logs.jsonl"
PARTS = ()
class Part: pass
