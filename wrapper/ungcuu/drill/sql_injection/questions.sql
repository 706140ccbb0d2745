-- UNGCUU-DRILL-MARKER: questions of 200 citizens who do not exist, with telephone numbers that nobody has.
SET NAMES utf8mb4;
CREATE TABLE cau_hoi (
    id INT PRIMARY KEY,
    tieu_de VARCHAR(200),
    ho_ten VARCHAR(100),
    dien_thoai VARCHAR(20),
    dia_chi VARCHAR(200)
) CHARACTER SET utf8mb4;
INSERT INTO cau_hoi
SELECT seq, CONCAT('Câu hỏi số ', seq, ' về thủ tục'), CONCAT('UNGCUU-DRILL-MARKER công dân ', seq),
    CONCAT('0000-', LPAD(seq, 6, '0')), CONCAT('Số nhà ', seq, ', phố Không Có Thật') FROM seq_1_to_200;
