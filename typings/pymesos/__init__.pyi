from .executor import MesosExecutorDriver as MesosExecutorDriver
from .interface import Executor as Executor
from .interface import Scheduler as Scheduler
from .scheduler import MesosSchedulerDriver as MesosSchedulerDriver
from .utils import decode_data as decode_data
from .utils import encode_data as encode_data
